#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Records a million completions of a live `hni run` with the ring-invariant monitor attached and replays them in the
# simulator. Every word must equal the recorded one, and the monitor must report no violation. This is the test
# trace_replay with more packets.
#   bench/trace_million.sh BUILD_DIR      (root, BPF, bpftrace; 77 without)
set -euo pipefail
build=$(realpath "${1:?usage: bench/trace_million.sh BUILD_DIR}")
source=$(dirname "$(realpath "$0")")/..
begin=$(date +%s)
HNI_TRACE_PACKETS=170003 "$source/tests/trace/test.sh" "$build/tools/hni" "$build/tests/trace/trace_workload" \
  "$build/trace/hni-trace-gen" "$source" replay
echo "$(($(date +%s) - begin)) s"
