#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/speed.sh [HNI] [SECONDS]: how fast the targets run without an engine: executions and
# card events a second on one core, and the ratio to the empty harness on the same input. The
# inputs are the committed scripts with the most completions. Build it with the sanitizers of
# preset `asan` for the figures that count.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$root/build/asan/tools/hni}
seconds=${2:-2}
measure() { "$program" fuzz speed "$1" "$2" "$seconds"; }
for pair in rx:many-laps tx:many-laps traffic:forward mailbox:restart port:good card:queues; do
  name=${pair%%:*}; file=$root/corpus/$name/${pair#*:}
  empty=$(measure empty "$file" | awk '{ print $4 }')
  measure "$name" "$file" | awk -v empty="$empty" \
    '{ printf "%s   %.4f of the empty harness\n", $0, (empty > 0 ? $4 / empty : 0) }'
done
