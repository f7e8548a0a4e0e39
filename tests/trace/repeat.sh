#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs all tracing tests N times beside a busy processor: tests/trace/repeat.sh N [BUILD [SECONDS]]
# BUILD is build/debug by default. Starts no round after SECONDS. A bpftrace that lost a signal, or a test that depends on
# time, shows here. Prints each failure and, at the end, the number of runs; status 1 if one failed.
set -u
[ $# -ge 1 ] || { sed -n '3,5s/^# //p' "$0"; exit 2; }
rounds=$1 build=${2:-build/debug} seconds=${3:-0}
begin=$(date +%s)
# The busy processor: with a program at the same priority as the tests.
sh -c 'while :; do :; done' &
busy=$!
trap 'kill $busy 2>/dev/null' EXIT
trap 'exit 130' INT TERM
log=$(mktemp)
runs=0 failures=0 round=0
while [ $round -lt "$rounds" ]; do
  [ "$seconds" = 0 ] || [ $(($(date +%s) - begin)) -lt "$seconds" ] || break
  round=$((round + 1))
  ctest --test-dir "$build" -L trace --output-on-failure >"$log" 2>&1
  passed=$(grep -c ' Passed ' "$log")
  failed=$(grep -cE '\*\*\*(Failed|Timeout|Exception)' "$log")
  runs=$((runs + passed + failed)) failures=$((failures + failed))
  echo "round $round: $passed passed, $failed failed"
  if [ "$failed" != 0 ]; then grep -E '\*\*\*|FAILED' "$log"; fi
  [ $((passed + failed)) != 0 ] || { tail -5 "$log"; failures=1; break; }
done
rm -f "$log"
echo "$round rounds, $runs runs, $failures failures, $(($(date +%s) - begin)) s"
[ "$failures" = 0 ]
