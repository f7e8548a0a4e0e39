#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures time and memory of the spec compiler: the card's spec (bar: 1 s) and a generated map of 100,000 registers
# with two fields each (bars: 5 s and 1,000 MB for each output; the outputs are up to 164 MB long). All nine outputs of
# that map at once are 530 MB of text and took 4.9 to 5.1 s, a fifth of it writing: their limit of 6 s catches a
# regression. Prints one line each; exit status 1 if a limit is exceeded. The program has one thread, so its processor
# time equals the elapsed time on an idle machine; the limit applies to it, and the wall-clock time is printed for
# information.
#   bench/spec_scale.sh <build folder>/libexec/openhni/hni-spec [registers]
set -eu
hni_spec=${1:?usage: spec_scale.sh <hni-spec> [registers]}
count=${2:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

awk -v n="$count" 'BEGIN {
  print "addrmap big { addrmap {"
  for (i = 0; i < n; i++)
    printf "  reg { desc = \"Register %d.\"; field { sw = rw; hw = r; } A[7:0] = %d; " \
           "field { sw = r; hw = w; desc = \"State.\"; } B[31:8]; } R%d @0x%x;\n", i, i % 256, i, 4 * i
  print "} BAR0 @0x0; };"
}' > "$work/big.rdl"

status=0
# measure <name> <seconds allowed> <megabytes allowed> command...
measure() {
  name=$1; seconds=$2; megabytes=$3; shift 3
  python3 - "$name" "$seconds" "$megabytes" "$@" <<'PY' || status=1
import resource, subprocess, sys, time
name, seconds, megabytes, command = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
start = time.monotonic()
done = subprocess.run(command)
wall = time.monotonic() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
took = usage.ru_utime + usage.ru_stime
peak = usage.ru_maxrss / 1024
good = done.returncode == 0 and took < seconds and peak < megabytes
print(f"{name}: {took:.2f} s, wall {wall:.2f} s (bar {seconds:g}), {peak:.0f} MB (bar {megabytes:g}): {'met' if good else 'MISSED'}")
sys.exit(0 if good else 1)
PY
}
measure "card, all generated files" 1 500 "$hni_spec" compile -o "$work/card"
for output in dump json html c-header structs markdown svd ipxact python; do
  measure "$count registers, $output" 5 1000 "$hni_spec" $output "$work/big.rdl" -o "$work/big.out"
done
measure "$count registers, all generated files" 6 1000 "$hni_spec" compile "$work/big.rdl" -o "$work/big"
exit $status
