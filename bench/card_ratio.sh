#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/card_ratio.sh BUILD REV [ROUNDS]: the card of BUILD (a RelWithDebInfo or Release build) beside that of another
# revision of this repository, which is built in a temporary worktree with the same options (REV may also be the path of
# an hni program). Both run `hni run --generator` alternately on the same machine. Prints for frames of 60 and 1514 bytes
# and for a mixture of all lengths:
#   - instructions per packet in the card: everything that Card::run, tick, read and write execute, counted by callgrind
#     at the source and at the destination card;
#   - instructions per packet of the whole program: two generators, two drivers, two cards;
#   - packets per second of processor time: the median of ROUNDS (5).
# Startup is excluded: each figure is a difference of two runs of different length. Fails unless the new rate of the
# mixture is at least HNI_CARD_RATIO (2) times the old one.
set -euo pipefail
usage='usage: bench/card_ratio.sh BUILD REV [ROUNDS]'
build=${1:?$usage}
base=${2:?$usage}
rounds=${3:-5}
bar=${HNI_CARD_RATIO:-2}
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
remove() {
  git -C "$root" worktree remove --force "$folder/tree" 2>/dev/null || true
  rm -rf "$folder"
}
trap remove EXIT

new=$build/tools/hni
if [ -f "$base" ] && [ -x "$base" ]; then
  old=$base
else
  git -C "$root" worktree add --detach "$folder/tree" "$base" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
  type=$(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$build/CMakeCache.txt")
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
  { cmake -S "$folder/tree" -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE="$type" -DCMAKE_CXX_COMPILER="$compiler" \
      -DHNI_TESTS=OFF -DHNI_BENCH=OFF -DHNI_PROOFS=OFF &&
    cmake --build "$folder/build" --target hni; } >"$folder/log" 2>&1 || { tail -30 "$folder/log" >&2; exit 1; }
  old=$folder/build/tools/hni
fi

run() { # run PROGRAM SHORTEST LONGEST PACKETS
  "$1" run --generator --quiet --packets "$4" --shortest "$2" --longest "$3" >"$folder/out" 2>&1 ||
    { cat "$folder/out" >&2; exit 1; }
}
count() { # count PROGRAM SHORTEST LONGEST PACKETS [OPTION...]: instructions
  local program=$1 from=$2 to=$3 packets=$4
  shift 4
  valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$folder/callgrind.%p" "$@" "$program" run \
    --generator --quiet --packets "$packets" --shortest "$from" --longest "$to" >"$folder/out" 2>&1 ||
    { cat "$folder/out" >&2; exit 1; }
  # Another process (the cleanup of namespaces) reports less.
  sed -n 's/^.*Collected : *\([0-9]*\).*$/\1/p' "$folder"/callgrind.* | sort -n | tail -1
  rm -f "$folder"/callgrind.*
}
entry=(--toggle-collect='hni::device::Card::run(unsigned int)'
  --toggle-collect='hni::device::Card::tick(unsigned long)'
  --toggle-collect='hni::device::Card::read(hni::spec::Bar, unsigned int)'
  --toggle-collect='hni::device::Card::write(hni::spec::Bar, unsigned int, unsigned int)')
per_packet() { # per_packet PROGRAM SHORTEST LONGEST [OPTION...]
  local few many program=$1 from=$2 to=$3
  shift 3
  few=$(count "$program" "$from" "$to" 2000 "$@")
  many=$(count "$program" "$from" "$to" 22000 "$@")
  echo $(((many - few) / 40000))
}
spent() { # spent PROGRAM SHORTEST LONGEST PACKETS: processor time in microseconds
  local TIMEFORMAT='%U %S' used
  used=$({ time run "$@"; } 2>&1)
  awk '{ printf "%d\n", 1e6 * ($1 + $2) }' <<<"$used"
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf '%-12s %22s %26s %34s\n' frames 'card instr./packet' 'program instr./packet' 'packets per processor second'
for lengths in '60 60 400000' '1514 1514 200000' '60 1514 200000'; do
  read -r from to packets <<<"$lengths"
  : >"$folder/old" >"$folder/new"
  for _ in $(seq "$rounds"); do
    for which in old new; do
      long=$(spent "${!which}" "$from" "$to" "$packets")
      short=$(spent "${!which}" "$from" "$to" 1000)
      awk -v n="$packets" -v t="$((long - short))" 'BEGIN { printf "%.0f\n", 2e6 * (n - 1000) / t }' >>"$folder/$which"
    done
  done
  old_rate=$(median "$folder/old")
  new_rate=$(median "$folder/new")
  old_card=$(per_packet "$old" "$from" "$to" "${entry[@]}")
  new_card=$(per_packet "$new" "$from" "$to" "${entry[@]}")
  old_all=$(per_packet "$old" "$from" "$to")
  new_all=$(per_packet "$new" "$from" "$to")
  awk -v f="$from-$to" -v a="$old_card" -v b="$new_card" -v c="$old_all" -v d="$new_all" -v e="$old_rate" \
    -v g="$new_rate" 'BEGIN {
    printf "%-12s %7d -> %5d: %.2f %9d -> %6d: %.2f %12d -> %8d: %.2f times\n", f, a, b, a / b, c, d, c / d, e, g, g / e }'
done
awk -v r="$new_rate" -v o="$old_rate" -v bar="$bar" 'BEGIN {
  printf "generator rate, frames of all lengths: %.2f times (bar: %s)\n", r / o, bar
  exit !(r / o >= bar) }'
