#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Counts the instructions that the driver needs to receive a 64-byte packet and send it again, in bursts of 32, with
# callgrind, in counted() and all functions that it calls. The result does not depend on the load of the
# machine. Fails when a limit is exceeded, or when the figure differs by more than 1 % from bench/instructions.txt.
#   bench/instructions.sh BUILD_DIR      (a RelWithDebInfo or Release build)
set -euo pipefail
build=${1:?usage: bench/instructions.sh BUILD_DIR}
bursts=10000
# The committed figure. A commit that needs more instructions changes it and says why.
committed=$(sed -n 's/^forward //p' "$(dirname "$0")/instructions.txt")
max_growth_percent=1.0
max_check_percent=10
# Besides the semaphore checks, register allocation of a loop may differ by one instruction per packet, in either
# direction.
max_probe_percent=1.0
# The hardening flags of cmake/hni.cmake: stack protector, FORTIFY, libstdc++ assertions, control-flow protection.
max_hardening_percent=6.0

count() {
  local out
  out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*::counted(*' \
    "$1" --count "$bursts" 2>&1) || { echo "$out" >&2; return 1; }
  sed -n 's/^.*Collected : *\([0-9]*\).*$/\1/p' <<<"$out"
}

total=$(count "$build/bench/forward_bench")
bare=$(count "$build/bench/forward_bench_unchecked")
untraced=$(count "$build/bench/forward_bench_untraced")
hardened=$(count "$build/bench/forward_bench_hardened")
awk -v t="$total" -v b="$bare" -v u="$untraced" -v probes="$max_probe_percent" -v h="$hardened" \
  -v hardening="$max_hardening_percent" -v n="$((bursts * 32))" \
  -v committed="$committed" -v growth="$max_growth_percent" -v pct="$max_check_percent" 'BEGIN {
  printf "instructions per forwarded packet: %.1f (committed: %.1f)\n", t / n, committed
  printf "without the checks of card input:  %.1f, so the checks cost %.1f %% (at most %d %%)\n", b / n, 100 * (t - b) / t, pct
  printf "without the probes:                %.1f, so the probes cost %.1f %% (at most %.1f %%)\n", u / n, 100 * (t - u) / u, probes
  printf "with the hardening flags:           %.1f, so hardening costs %.1f %% (at most %.1f %%)\n", h / n, 100 * (h - t) / t, hardening
  change = 100 * (t / n - committed) / committed
  if (change > growth)
    printf "%.1f %% more than bench/instructions.txt: save instructions, or change the figure and say why\n", change
  if (change < -growth)
    printf "%.1f %% less than bench/instructions.txt: change the figure\n", -change
  exit !(change <= growth && change >= -growth && 100 * (h - t) / t <= hardening && 100 * (t - b) / t <= pct && 100 * (t - u) / u <= probes) }'
