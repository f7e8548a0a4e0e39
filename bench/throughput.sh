#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench/throughput.sh BUILD [SECONDS [ROUNDS]]: TCP through two cards, two drivers and a cable (`hni run`), and
# through a loop that only copies frames from one TAP interface to the other, alternately on the same machine. Prints
# each round, and the ratio of the medians. Without offload the copy moves frames as a wire carries them; with offload
# it moves 64 KiB packets, which no wire carries, and is an upper bound: `hni run` takes and delivers such packets, too,
# but carries every frame of them over the cable. Needs root.
set -eu
build=${1:?usage: bench/throughput.sh BUILD [SECONDS [ROUNDS]]}
seconds=${2:-3}
rounds=${3:-3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

b='ip netns exec $HNI_NETNS_B'
a='ip netns exec $HNI_NETNS_A'
load="$b iperf3 -s -1 >/dev/null & server=\$!
  until $b ss -ltn | grep -q ':5201 '; do sleep 0.05; done
  $a iperf3 -J -c \$HNI_IPV4_B -t $seconds >$folder/iperf
  wait \$server"

measure() { # measure NAME COMMAND...: appends Mbit/s and retransmissions to $folder/NAME
  name=$1
  shift
  "$@" "$load" >"$folder/out" 2>&1 || {
    cat "$folder/out"
    echo "bench/throughput.sh: $name did not run" >&2
    exit 1
  }
  jq -r '"\(.end.sum_received.bits_per_second / 1e6 | round) \(.end.sum_sent.retransmits // 0)"' \
    "$folder/iperf" >>"$folder/$name"
  printf '  %-14s %s\n' "$name" "$(tail -1 "$folder/$name" | awk '{ print $1 " Mbit/s, " $2 " retransmissions" }')"
}
median() { cut -d' ' -f1 "$folder/$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for round in $(seq "$rounds"); do
  echo "round $round"
  measure copy "$build/bench/tap_copy"
  measure hni "$build/tools/hni" run --quiet --exec
  measure copy-offload "$build/bench/tap_copy" --offload
done
awk -v hni="$(median hni)" -v copy="$(median copy)" -v offload="$(median copy-offload)" 'BEGIN {
  printf "medians: hni run %d, copy %d, copy with offload %d Mbit/s\n", hni, copy, offload
  printf "hni run / copy: %.2f (bar: 0.50)   hni run / copy with offload: %.2f (bar: 0.40)\n", hni / copy, hni / offload
  exit hni / copy < 0.5 || hni / offload < 0.4 }'
