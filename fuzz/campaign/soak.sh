#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/campaign/soak.sh RUNS [SECONDS [BUILD]]: requires RUNS executions over all libFuzzer targets of BUILD
# (build/fuzz) without a finding: each target for SECONDS (60) on the committed corpus, then the fastest (tlv) for the
# remaining executions, on all processors. Prints a line each; fails on a finding and prints the command that replays
# it. A build without sanitizers is two to three times as fast and has all other oracles:
#   cmake -S . -B build/soak -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_C_COMPILER=clang-14 \
#     -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHNI_FUZZ_LIBFUZZER=ON -DHNI_TESTS=OFF -DHNI_BENCH=OFF \
#     -DHNI_PROOFS=OFF -DHNI_TOOLS=OFF && cmake --build build/soak && fuzz/campaign/soak.sh 1000000000 60 build/soak
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)

# soak.sh --one OUT BUILD TARGET SEED OPTION...: one run of one target; appends to a file of results in OUT.
if [ "${1:-}" = --one ]; then
  out=$2 program=$3/fuzz/fuzz_$4 name=$4 seed=$5
  shift 5
  log=$out/$name-$seed.log
  mkdir -p "$out/$name-$seed"
  "$program" -seed="$seed" -timeout=60 -rss_limit_mb=3000 -print_final_stats=1 \
    -artifact_prefix="$out/$name-" "$@" "$out/$name-$seed" "$root/corpus/$name" >"$log" 2>&1
  code=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  if [ $code -eq 0 ]; then
    echo "$name: ${runs:-0} runs"
  else
    echo "$name: FINDING: $(grep -m1 -E '^finding:|ERROR: |runtime error|libFuzzer: ' "$log")"
    echo "  replay: $program $(sed -n 's/.*Test unit written to //p' "$log" | tail -1)"
  fi
  rm -rf "${out:?}/$name-$seed"
  exit
fi

wanted=${1:-} seconds=${2:-60}
case ${wanted:-none}$seconds in
  *[!0-9]*)
    echo "usage: fuzz/campaign/soak.sh RUNS [SECONDS [BUILD FOLDER]]" >&2
    exit 2
    ;;
esac
build=${3:-$root/build/fuzz}
out=${HNI_FUZZ_OUT:-$build/fuzz/findings}/soak
processors=$(nproc)
mkdir -p "$out"
begin=$(date +%s)
targets=$(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/script/target.hpp" | grep -vxE 'canary|empty')
for name in $targets; do echo "$name"; done |
  xargs -P "$processors" -I NAME "$0" --one "$out" "$build" NAME 1 -max_total_time="$seconds" |
  tee "$out/result"
sum() { sed -n 's/.*: \([0-9]*\) runs$/\1/p' "$out/result" | awk '{ s += $1 } END { printf "%d\n", s }'; }
rest=$((wanted - $(sum)))
if [ "$rest" -gt 0 ] && ! grep -q FINDING "$out/result"; then
  seq 2 $((processors + 1)) |
    xargs -P "$processors" -I SEED "$0" --one "$out" "$build" tlv SEED -max_len=128 \
      -runs=$((rest / processors + 1)) |
    tee -a "$out/result"
fi
echo "$(sum) runs in $(($(date +%s) - begin)) s on $processors processors, $(grep -c FINDING "$out/result") findings"
[ "$(sum)" -ge "$wanted" ] && ! grep -q FINDING "$out/result"
