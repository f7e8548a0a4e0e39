#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/memory.sh BUILD [SECONDS]: measures the memory of two ports with 4 queues of 1,024 descriptors under
# continuous TCP traffic: resident set size of `hni run` after the first tenth of the time, at the end, and its
# maximum. Fails above 128 MB, and if the size grows until the end. Needs root.
set -eu
build=${1:?usage: bench/memory.sh BUILD [SECONDS]}
seconds=${2:-600}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
b='ip netns exec $HNI_NETNS_B'
a='ip netns exec $HNI_NETNS_A'
"$build/tools/hni" run --quiet --queues 4 --ring 1024 --exec "
  $b iperf3 -s -1 >/dev/null & server=\$!
  until $b ss -ltn | grep -q ':5201 '; do sleep 0.05; done
  $a iperf3 -J -P 4 -c \$HNI_IPV4_B -t $seconds >$folder/iperf & client=\$!
  rss() { awk '/^VmRSS/ { print \$2 }' /proc/\$HNI_RUN/status; }
  sleep $((seconds / 10))
  rss >$folder/first
  while kill -0 \$client 2>/dev/null; do rss >>$folder/all; sleep 1; done
  wait \$client
  wait \$server
  rss >$folder/last
  awk '/^VmHWM/ { print \$2 }' /proc/\$HNI_RUN/status >$folder/most" >"$folder/out" 2>&1 || {
  cat "$folder/out"
  exit 1
}
jq -r '"\(.end.sum_received.bytes / 1e9 | round) GB in \(.end.sum_received.seconds | round) s"' "$folder/iperf"
awk -v first="$(cat "$folder/first")" -v last="$(cat "$folder/last")" -v most="$(cat "$folder/most")" 'BEGIN {
  printf "resident: %.1f MB after a tenth, %.1f MB at the end, %.1f MB at most (bar: 128 MB, no growth beyond 256 KiB)\n",
    first / 1024, last / 1024, most / 1024
  exit most > 128 * 1024 || last > first + 256 }'
