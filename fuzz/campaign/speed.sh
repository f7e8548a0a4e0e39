#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/campaign/speed.sh [--check] [HNI] [SECONDS]: measures the targets without an engine: executions and card events
# per second on one core, and the ratio to the empty harness, which runs the same input of the same build before and
# after. The inputs are the committed scripts that fuzz/campaign/speed.txt names. The reference figures are those of a
# build with the sanitizers of preset `asan`. With --check it fails when the best of three ratios is below half of the
# one in fuzz/campaign/speed.txt. A ratio does not depend on the speed of the machine or on other load.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
check=false
[ "${1:-}" != --check ] || { check=true; shift; }
program=${1:-$root/build/asan/libexec/openhni/hni-fuzz}
seconds=${2:-2}
# `hni fuzz speed`, or the stand-alone program of a build without tools/.
case $program in
  *hni-fuzz | *hnifuzz) measure() { "$program" speed "$1" "$2" "$seconds"; } ;;
  *) measure() { "$program" fuzz speed "$1" "$2" "$seconds"; } ;;
esac
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }
failed=0
for entry in $(awk '!/^#/ { print $1 ":" $2 ":" $3 / 2 }' "$root/fuzz/campaign/speed.txt"); do
  name=${entry%%:*} least=${entry##*:}
  input=${entry#*:}; input=${input%:*}
  file=$root/corpus/$name/$input
  best=0 line=
  for try in 1 2 3; do
    before=$(measure empty "$file" | awk '{ print $4 }')
    now=$(measure "$name" "$file")
    after=$(measure empty "$file" | awk '{ print $4 }')
    ratio=$(echo "$now" | awk -v a="$before" -v b="$after" '{ printf "%.6f", 2 * $4 / (a + b) }')
    if at_least "$ratio" "$best"; then best=$ratio line=$now; fi
    $check || break
    if at_least "$best" "$least"; then break; fi
  done
  echo "$line   $best of the empty harness, on $input"
  $check || continue
  if ! at_least "$best" "$least"; then
    echo "$name, $input: slower than half of what is committed ($try tries): $best is less than $least"
    failed=1
  fi
done
exit $failed
