#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/bugs/run.sh [--time SECONDS] [--build FOLDER] [NAME...]: measures what the fuzz targets find.
# Each patch of fuzz/bugs puts one mistake that drivers really make into a copy of driver/; the
# target that the patch names is built from it (clang, ASan, UBSan, libFuzzer) and gets
#   corpus  the committed corpus, once
#   empty   SECONDS (default 20) of fuzzing from nothing
# A line a bug: detected by which oracle, and when. FOLDER (build/fuzz) has the generated headers
# and, for the targets that need it, the emulated card's library. The product is never changed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=20
build=$root/build/fuzz
names=
while [ $# -gt 0 ]; do
  case $1 in
    --time) seconds=$2; shift 2 ;;
    --build) build=$2; shift 2 ;;
    *) names="$names $1"; shift ;;
  esac
done
[ -n "$names" ] || names=$(cd "$root/fuzz/bugs" && ls ./*.patch | sed 's|^./||; s|\.patch$||')
cxx=${CXX:-clang++-14}
flags="-std=c++20 -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all"
flags="$flags -fno-omit-frame-pointer"

verdict() {  # log file: the oracle that broke
  sed -n 's/^finding: \([a-z_-]*: .*\) (.*/\1/p; s/.*ERROR: AddressSanitizer: \([a-z-]*\).*/ASan: \1/p
          s/.*runtime error: \(.*\)/UBSan: \1/p; s/.*Assertion `\(.*\). failed.*/assert: \1/p
          s/.*libFuzzer: timeout.*/steps: no end/p' "$1" | head -1
}

compile() {  # source object include-folder
  "$cxx" $flags -fsanitize=fuzzer-no-link -I"$3" -I"$root" -I"$build/generated" \
    -I"$root/spec/runtime" -c "$root/$1" -o "$2"
}
# What no bug changes.
shared=$(mktemp -d)
trap 'rm -rf "$shared"' EXIT
for source in finding script run_target mutator; do
  compile fuzz/$source.cpp "$shared/$source.o" "$root" || exit 2
done

total=0; by_corpus=0; by_fuzzing=0; only_sanitizer=0
for name in $names; do
  patch=$root/fuzz/bugs/$name.patch
  target=$(sed -n 's/^# target: //p' "$patch")
  work=$(mktemp -d)
  cp -r "$root/driver" "$work/driver"
  if ! (cd "$work" && patch -s -p1 <"$patch"); then
    echo "$name: the patch does not apply"; rm -rf "$work"; exit 2
  fi
  # Headers are found next to the patched driver first; the rest comes from the tree.
  objects=
  for source in ${target}_fuzz ring_script; do
    case $source:$target in ring_script:[!rt]*|ring_script:tlv) continue ;; esac
    compile fuzz/$source.cpp "$work/$source.o" "$work" || exit 2
    objects="$objects $work/$source.o"
  done
  "$cxx" $flags -fsanitize=fuzzer -DHNI_FUZZ_MUTATOR -DHNI_FUZZ_TARGET="$target" -I"$work" \
    -I"$root" -I"$build/generated" -I"$root/spec/runtime" "$root/fuzz/engine_entry.cpp" $objects "$shared"/*.o \
    ${HNI_DEVICE_LIBRARY:-$build/device/libhni_device.a $build/spec/libopenhni_spec_tables.a} \
    -lpcap -o "$work/fuzz" || exit 2
  "$work/fuzz" -timeout=20 "$root/corpus/$target"/* >"$work/corpus.log" 2>&1
  found=$(verdict "$work/corpus.log")
  mkdir "$work/empty"
  begin=$(date +%s)
  "$work/fuzz" -timeout=20 -max_len=512 -max_total_time="$seconds" -artifact_prefix="$work/" \
    "$work/empty" >"$work/empty.log" 2>&1
  spent=$(($(date +%s) - begin))
  fuzzed=$(verdict "$work/empty.log")
  total=$((total + 1))
  [ -z "$found" ] || by_corpus=$((by_corpus + 1))
  [ -z "$fuzzed" ] || by_fuzzing=$((by_fuzzing + 1))
  case ${fuzzed:-$found} in ASan*|UBSan*) only_sanitizer=$((only_sanitizer + 1)) ;; esac
  echo "$name [$target] corpus: ${found:-not found}; empty: ${fuzzed:-not found} (${spent} s)"
  rm -rf "$work"
done
echo "$total bugs: $by_corpus by the corpus, $by_fuzzing from nothing in $seconds s each;" \
  "$only_sanitizer ended in a sanitizer's report"
[ "$by_corpus" -eq "$total" ] || [ "$by_fuzzing" -eq "$total" ]
