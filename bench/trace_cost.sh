#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures the cost per packet while each tracing tool is attached: processor time per packet of `hni run` with its
# generator (both drivers and both cards in one thread), with and without the tool. Processor time is largely
# independent of other load.
#   bench/trace_cost.sh BUILD_DIR [TOOL...]      (root, BPF, bpftrace)
set -euo pipefail
build=$(realpath "${1:?usage: bench/trace_cost.sh BUILD_DIR [TOOL...]}")
shift
hni=$build/tools/hni
[ $# -gt 0 ] || set -- $(cd "$build/share/openhni/trace" && ls *.bt | sed 's/\.bt$//')

cpu_ns() { cut -d' ' -f1 "/proc/$1/schedstat"; }
packets() { echo $(($("$hni" port stats --run "$1" -j | grep -o '"rx_packets":[0-9]*' | head -2 | cut -d: -f2 | paste -sd+))); }
measure() { # measure PID: nanoseconds of processor time per packet, over two seconds
  local c p
  p=$(packets "$1") c=$(cpu_ns "$1")
  sleep 2
  echo $((($(cpu_ns "$1") - c) / ($(packets "$1") - p)))
}
"$hni" run --generator --shortest 60 --longest 60 -j >"$build/trace_cost.log" &
pid=$!
trap 'kill $pid; rm -f "$build/trace_cost.log"' EXIT
until grep -q '"event":"up"' "$build/trace_cost.log"; do sleep 0.1; done
sleep 1
plain=$(measure $pid)
printf '%-10s %6d ns a packet\n' nothing "$plain"
for tool; do
  "$hni" trace "$tool" --pid $pid -o /dev/null 2>/dev/null &
  tracer=$!
  sleep 8
  with=$(measure $pid)
  printf '%-10s %6d ns a packet, %d more\n' "$tool" "$with" $((with - plain))
  kill -INT $(pgrep -P $tracer) && wait $tracer || true
done
