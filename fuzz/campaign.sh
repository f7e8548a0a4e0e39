#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/campaign.sh [--time SECONDS] [--jobs N] [--build FOLDER] [--afl FOLDER] [--corpus FOLDER]
# [TARGET...]: `hni fuzz run`. Runs libFuzzer, and AFL++ where a build of it exists, on one growing
# corpus a target (--corpus, ./fuzz-corpus), N workers at a time. Stopped with Ctrl-C it goes on
# where it was. Findings lie in <corpus>/findings, each with the line that replays it.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=600 jobs=2 build=$root/build/fuzz afl=$root/build/afl corpus=$PWD/fuzz-corpus targets=
while [ $# -gt 0 ]; do
  case $1 in
    --time) seconds=$2; shift 2 ;;
    --jobs) jobs=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    --afl) afl=$2; shift 2 ;;
    --corpus) corpus=$2; shift 2 ;;
    -*) echo "unknown option $1" >&2; exit 2 ;;
    *) targets="$targets $1"; shift ;;
  esac
done
[ -n "$targets" ] || targets=$(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/target.hpp" |
  grep -vx -e canary -e empty)
findings=$corpus/findings
mkdir -p "$findings"
count=$(echo "$targets" | wc -w)
share=$((seconds * jobs / count))
[ "$share" -ge 2 ] || share=2

run_one() {  # one target: libFuzzer for its share, or half of it and AFL++ for the other half
  name=$1; mine=$corpus/$name; mkdir -p "$mine"
  log=$findings/$name.log; time=$share
  afl_program=$afl/fuzz/fuzz_$name
  [ -x "$afl_program" ] && time=$((share / 2))
  "$build/fuzz/fuzz_$name" -max_total_time="$time" -timeout=60 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$findings/$name-" "$mine" "$root/corpus/$name" \
    >"$log" 2>&1
  code=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  new=$(sed -n 's/^stat::new_units_added: *//p' "$log")
  echo "$name: ${runs:-?} runs, ${cov:-?} edges, ${new:-?} new inputs"
  if [ "$code" -ne 0 ]; then
    file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
    echo "$name: FINDING $(grep -m1 -E '^finding:|ERROR: Addr|runtime error' "$log")"
    echo "  replay: $build/fuzz/fuzz_$name ${file:-}"
  fi
  [ -x "$afl_program" ] || return 0
  AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_AUTORESUME=1 \
    afl-fuzz -V "$((share - time))" -t 10000 -m none -i "$root/corpus/$name" -o "$mine.afl" \
    -x "$afl/generated/openhni/spec/fbnic.dict" "$afl_program" >"$findings/$name.afl.log" 2>&1
  stats=$mine.afl/default/fuzzer_stats
  if [ -f "$stats" ]; then
    sed -n 's/ *//g; s/^execs_done:/'"$name"' AFL++ runs: /p; s/^stability:/'"$name"' AFL++ stability: /p
            s/^saved_crashes:/'"$name"' AFL++ findings: /p' "$stats"
    cp -n "$mine.afl"/default/queue/id* "$mine"/ 2>/dev/null
    for file in "$mine.afl"/default/crashes/id*; do
      [ -f "$file" ] && echo "  replay: $build/fuzz/fuzz_$name $file"
    done
  fi
}

running=0
for name in $targets; do
  [ -x "$build/fuzz/fuzz_$name" ] || { echo "not built: $build/fuzz/fuzz_$name" >&2; exit 2; }
  run_one "$name" &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then wait; running=0; fi
done
wait
set -- "$findings"/*crash-* "$findings"/*timeout-* "$findings"/*oom-*
for file in "$@"; do [ -f "$file" ] && exit 1; done
exit 0
