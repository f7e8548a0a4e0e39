#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/campaign/smoke.sh SECONDS [FOLDER]: every libFuzzer target of the build in FOLDER (build/fuzz) runs for a share
# of the time on the committed corpus and prints a line. Fails on a finding and prints the command that replays it.
# The canary must be found. The fixed seed makes runs similar but not identical, because libFuzzer's choices also
# depend on addresses and time.
set -u
seconds=${1:?usage: fuzz/campaign/smoke.sh SECONDS [BUILD FOLDER]}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$root/build/fuzz}
out=${HNI_FUZZ_OUT:-$build/fuzz/findings}
mkdir -p "$out"
targets=$(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/script/target.hpp")
count=$(echo "$targets" | wc -w)
share=$((seconds / count))
[ "$share" -ge 1 ] || share=1
failed=0 total=0 clean=0
for name in $targets; do
  program=$build/fuzz/fuzz_$name
  [ -x "$program" ] || { echo "$name: not built: $program"; failed=1; continue; }
  work=$(mktemp -d)
  log=$work/log
  "$program" -seed=1 -max_total_time="$share" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$out/$name-" "$work" "$root/corpus/$name" >"$log" 2>&1
  code=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  if [ "$name" = canary ]; then
    if [ $code -ne 0 ]; then echo "canary: found, as it must be, after ${runs:-?} runs"
    else echo "canary: NOT FOUND in $share s: this engine finds nothing"; failed=1; fi
  elif [ $code -eq 0 ]; then
    clean=$((clean + 1)) total=$((total + ${runs:-0}))
    echo "$name: ${runs:-?} runs in $share s, $((${runs:-0} / share)) a second, ${cov:-?} edges"
  else
    failed=1
    what=$(grep -m1 -E '^finding:|ERROR: AddressSanitizer|runtime error|libFuzzer: (timeout|out-of)' "$log")
    file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
    echo "$name: FINDING: ${what:-exit code $code}"
    echo "  replay: $program ${file:-$log}"
    [ -n "$file" ] || { cp "$log" "$out/$name.log"; tail -5 "$log"; }
  fi
  rm -rf "$work"
done
echo "$total runs over $clean targets without a finding"
exit $failed
