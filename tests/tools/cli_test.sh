#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests the command line without privileges: tools_cli_test.sh HNI FORWARDER GENERATOR
set -u
hni=$1
forwarder=$2
generator=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out

fail() {
  echo "FAILED: $*"
  cat "$out"
  exit 1
}
expect() { # expect STATUS WORDS COMMAND...: expects the exit status and one line that contains WORDS
  status=$1 words=$2
  shift 2
  "$@" >"$out" 2>&1
  got=$?
  [ "$got" = "$status" ] || fail "$*: status $got, not $status"
  grep -q -- "$words" "$out" || fail "$*: does not say '$words'"
  [ "$status" = 0 ] || [ "$(wc -l <"$out")" = 1 ] || fail "$*: not one line"
}

# Help, and suggestions for misspelt words.
expect 0 'Usage: hni OBJECT' "$hni" --help
expect 0 '^hni [0-9]' "$hni" --version
expect 0 '--queues' "$hni" run --help
expect 0 regs "$hni" port --help
expect 0 decode "$hni" spec --help
expect 2 "did you mean 'run'" "$hni" rum
expect 0 replay "$hni" fuzz --help
# Builds with sanitizers leave the prover out.
if [ -x "$(dirname "$hni")/../libexec/openhni/hni-prove" ]; then
  expect 0 --smt2 "$hni" prove --help
else
  expect 1 "build or install the target hni-prove" "$hni" prove --help
fi
expect 2 "did you mean 'replay'" "$hni" fuzz reply
expect 2 "did you mean 'stats'" "$hni" port stast
expect 2 "did you mean '--queues'" "$hni" run --quues 3
expect 2 "did you mean '--help'" "$hni" --hlep
"$hni" >"$out" 2>&1
[ $? = 2 ] || fail "without words: wrong status"

# The help of every object and verb fits a terminal of 80 columns, and a failure to write output is reported.
objects=$("$hni" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
[ "$(echo "$objects" | wc -w)" -ge 8 ] || fail "hni help does not list its objects"
for object in $objects; do
  "$hni" "$object" --help >"$out" 2>&1 || { grep -q 'cannot execute' "$out" && continue; fail "hni $object --help"; }
  verbs=$(sed -n '/^Subcommands:/,$s/^  \([a-z][a-z-]*\)  .*/\1/p' "$out")
  for verb in '' $verbs; do
    # shellcheck disable=SC2086
    "$hni" "$object" $verb --help >"$out" 2>&1 || fail "hni $object $verb --help"
    awk 'length($0) > 79 { exit 1 }' "$out" || fail "hni $object $verb --help: wider than 79 columns"
    # shellcheck disable=SC2086
    "$hni" "$object" $verb --help >/dev/full 2>"$out" && fail "hni $object $verb --help >/dev/full: status 0"
    [ -s "$out" ] || fail "hni $object $verb --help >/dev/full: not reported"
  done
done
for words in help --version 'help run' 'spec find PAUSE' 'spec json' 'spec html' 'fuzz list' 'prove --list' 'port list' trace; do
  # shellcheck disable=SC2086
  "$hni" $words >/dev/null 2>&1 || continue
  # shellcheck disable=SC2086
  "$hni" $words >/dev/full 2>"$out" && fail "hni $words >/dev/full: status 0"
done
expect 0 '--queues' "$hni" help run

# Requests for features that the card does not have.
expect 2 'powers of two from 64 to 65536' "$hni" run --ring 1000
expect 2 'powers of two from 64 to 65536' "$hni" run --ring 32
expect 2 'powers of two from 64 to 65536' "$hni" run --ring 131072
expect 2 '1 to 128 queue pairs' "$hni" run --queues 129
expect 2 '1 to 128 queue pairs' "$hni" run --queues 0
expect 2 '1280 to 9728' "$hni" run --mtu 1279
expect 2 '1280 to 9728' "$hni" run --mtu 9729
expect 2 'queues' "$hni" run --queues many
expect 2 'duration' "$hni" run --duration -1
expect 2 'need network interfaces' "$hni" run --generator --exec true
expect 2 'exclude each other' "$hni" run --generator --replay x
expect 2 'longest' "$hni" run --generator --shortest 100 --longest 99
expect 1 'fewer --queues or a smaller --ring' "$hni" run --generator --queues 128 --ring 65536

# Files that are not valid captures.
printf 'this is no capture' >"$folder/broken.pcap"
expect 1 'not a capture file' "$hni" run --replay "$folder/broken.pcap"
expect 1 'No such file' "$hni" run --replay "$folder/missing.pcap"
expect 1 'No such file' "$hni" run --generator --packets 1 --pcap "$folder/missing/out.pcap"

# A folder that other users can write to is not trusted; a run works without a control socket.
mkdir "$folder/open" && chmod 777 "$folder/open"
if [ "$(id -u)" != 0 ]; then
  XDG_RUNTIME_DIR=$folder/open "$hni" run --generator --packets 10 --quiet >"$out" 2>&1 || fail "no control socket"
  grep -q "'$folder/open' can be written by other users" "$out" || fail "no reason for the missing control socket"
fi

# No run to talk to.
XDG_RUNTIME_DIR=$folder HOME=$folder "$hni" port list -j >"$out" 2>&1 || fail "hni port list"

# OpenMetrics: each family and each sample appears once, and the output is terminated.
: >"$out" # the new process truncates it too late for a reader that looks at once
"$hni" run --generator --hold -j >"$out" 2>&1 &
run=$!
tries=0
until grep -q '"held"' "$out"; do sleep 0.1; tries=$((tries + 1)); [ $tries -lt 200 ] || fail "is not held"; done
if "$hni" port go --pid $run >/dev/null 2>&1; then
  until grep -q '"up"' "$out"; do sleep 0.1; tries=$((tries + 1)); [ $tries -lt 400 ] || fail "does not come up"; done
  "$hni" port stats --pid $run --openmetrics >"$folder/metrics" || fail "no metrics"
  python3 - "$folder/metrics" <<'END' || fail "metrics: $(head -40 "$folder/metrics")"
import re, sys
lines = open(sys.argv[1]).read().split("\n")
assert lines[-2:] == ["# EOF", ""]
families, samples = [l.split()[2] for l in lines if l.startswith("# TYPE")], []
for line in lines[:-2]:
    if line.startswith("# TYPE"): assert re.fullmatch(r"# TYPE [a-zA-Z_][a-zA-Z0-9_]* counter", line), line
    else:
        match = re.fullmatch(r'([a-zA-Z_][a-zA-Z0-9_]*)_total(\{port="hni[01]"(?:,(?:reason|index)="[^"]*")?\}) \d+', line)
        assert match and match[1] == families[0] or match[1] in families, line
        samples.append(match[1] + match[2])
assert len(set(families)) == len(families) and len(set(samples)) == len(samples), "twice"
assert 'hni_driver_rx_packets{port="hni1"}' in samples
END
fi
kill $run
wait $run || fail "a run that was asked ended with $?"

# The generator: the receiving port checks and counts every packet.
expect 0 'accounted: yes' "$hni" run --generator --packets 20000 --queues 4 --quiet
grep -q '20000 packets read, 20000 sent, 20000 frames .* 20000 delivered, 0 dropped' "$out" ||
  fail "not all packets arrived"
grep -q '0 corrupted, 0 out of order' "$out" || fail "packets were changed"
expect 0 'accounted: yes' "$hni" run --generator --packets 9157 --mtu 9728 --shortest 60 \
  --longest 9216 --split-headers --quiet
grep -q '0 corrupted, 0 out of order' "$out" || fail "packets were changed"
"$hni" run --generator --duration 2.5 --rate 1000 -j >"$out" 2>&1 || fail "JSON run"
[ "$(grep -c '"time_s"' "$out")" = 2 ] || fail "not one line of figures a second"
tail -1 "$out" | grep -q '"accounted":true' || fail "no summary"

# A reader that does not read loses lines; ports and signal handling do not wait for it.
mkfifo "$folder/unread"
sleep 120 <>"$folder/unread" &
reader=$!
exec 3<>"$folder/unread"
dd if=/dev/zero bs=65536 count=1 >&3 2>/dev/null
"$hni" run --generator --rate 100 -j >"$folder/unread" 2>"$out" &
run=$!
tries=0
until grep -q '^SigBlk:.*[1-9a-f]' /proc/$run/status; do
  sleep 0.1; tries=$((tries + 1)); [ $tries -lt 200 ] || fail "an unread run does not start"
done
kill $run
tries=0
while [ -d /proc/$run ] && [ $tries -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
wait $run
[ $? = 1 ] || fail "an unread run: wrong status"
grep -q 'the summary was not read' "$out" || fail "an unread run: no reason"
kill $reader
exec 3>&-
"$hni" run --generator --packets 10 >/dev/full 2>"$out"
[ $? = 1 ] || fail "a full disk: wrong status"
grep -q 'standard output: No space left' "$out" || fail "a full disk: no reason"
"$hni" run --generator --packets 10 --quiet >&- 2>&- <&- || fail "closed streams: $?"

# From the generator through a capture file, two cards and a forwarder: the bytes stay the same.
expect 0 'accounted: yes' "$hni" run --generator --packets 2000 --pcap "$folder/a.pcap" --quiet
expect 0 'accounted: yes' "$hni" run --replay "$folder/a.pcap" --pcap "$folder/b.pcap" --quiet
expect 0 '4000 packets forwarded' "$forwarder" "$folder/a.pcap" "$folder/c.pcap"
frames() { tcpdump -nn -XX -t -r "$1" 2>/dev/null | grep '0x'; }
frames "$folder/a.pcap" >"$folder/a"
[ -s "$folder/a" ] || fail "no frames in the capture"
for copy in b c; do
  frames "$folder/$copy.pcap" >"$folder/$copy"
  cmp -s "$folder/a" "$folder/$copy" || fail "$copy.pcap is not the same"
done
"$hni" run --generator --packets 100 --pcap - >"$folder/d.pcap" 2>"$out" || fail "--pcap - ended with $?"
grep -q 'accounted: yes' "$out" || fail "--pcap -: the summary is not on standard error"
[ "$(tcpdump -nn -r "$folder/d.pcap" 2>/dev/null | wc -l)" = 200 ] || fail "--pcap -: not the 200 frames of 100 packets each way"
"$hni" run --generator --packets 100 --pcap - >&- 2>"$out" && fail "--pcap - without an output"
grep -q 'no standard output' "$out" || fail "--pcap - without an output: $(cat "$out")"
if [ -e /dev/full ]; then
  "$hni" run --generator --packets 100000 --pcap - >/dev/full 2>"$out" && fail "--pcap - on a full disk"
fi
head -c 100000 "$folder/a.pcap" >"$folder/cut.pcap"
"$hni" run --replay "$folder/cut.pcap" --quiet >"$out" 2>&1
[ $? = 1 ] || fail "a capture that breaks off: wrong status"
grep -q 'breaks off' "$out" || fail "a capture that breaks off: not told"
grep -q 'accounted: yes' "$out" || fail "a capture that breaks off: packets are missing"

# Frames that cannot be sent are counted; a record that is longer than its frame does not hang the run.
python3 - "$folder" <<'END'
import struct, sys
def capture(name, records):
    data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1)
    for captured, wire in records: data += struct.pack("<IIII", 1, 0, captured, wire) + bytes(captured)
    open(sys.argv[1] + "/" + name, "wb").write(data)
capture("longer.pcap", [(73729, 60)])
capture("cut96.pcap", [(96, 1000)] * 50 + [(60, 60)])
capture("jumbo.pcap", [(100, 100), (9217, 9217), (60, 60), (16384, 16384), (1514, 1514), (65535, 65535)])
END
expect 0 '2 frames left out: 2 longer than 9742 bytes' "$hni" run --replay "$folder/jumbo.pcap" --mtu 9728 --quiet
mkfifo "$folder/fifo"
expect 1 'start the reader first' timeout 30 "$hni" run --generator --packets 1 --pcap "$folder/fifo"
timeout 60 "$hni" run --replay "$folder/longer.pcap" --quiet >"$out" 2>&1
[ $? -lt 124 ] || fail "a record of 73,729 bytes does not end"
grep -q 'accounted: yes' "$out" || fail "a record of 73,729 bytes: packets are missing"
expect 0 '50 frames left out: 50 cut by the capture' "$hni" run --replay "$folder/cut96.pcap" --quiet
"$hni" run --replay "$folder/cut96.pcap" --quiet -j | grep -q '"replay_left_out":{"cut":50,' || fail "left-out frames are not in the JSON"

expect 0 '20000 of 20000 packets of 1500 bytes' "$generator" 20000 1500
expect 2 'usage' "$forwarder"
expect 1 'No such file' "$forwarder" "$folder/missing.pcap" "$folder/x.pcap"
echo ok
