#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/campaign/cover.sh FOLDER [CORPUS...]: measures the coverage of the committed corpus (or of the given folders,
# each with one folder per target): device/ and driver/ as HTML in FOLDER/html, and the branches of the driver core as
# a table (fuzz/campaign/cover.py). Builds with clang's source coverage in FOLDER/build.
set -eu
case ${1:-} in
  -h | --help)
    sed -n '3,5s/^# //p' "$0" | fold -s -w 79
    exit
    ;;
esac
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: fuzz/campaign/cover.sh FOLDER [CORPUS...]}
shift
[ $# -gt 0 ] || set -- "$root/corpus"
suffix=${LLVM_SUFFIX-$(basename "$("$root/tools/find-clang")" | sed 's/clang++//')}
mkdir -p "$out"
rm -f "$out"/*.profraw
cmake -S "$root" -B "$out/build" -G Ninja -DCMAKE_CXX_COMPILER="clang++$suffix" \
  -DCMAKE_C_COMPILER="clang$suffix" -DCMAKE_BUILD_TYPE=Debug -DHNI_TESTS=OFF -DHNI_BENCH=OFF \
  -DHNI_PROOFS=OFF -DHNI_TOOLS=OFF \
  -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping" >/dev/null
targets=$(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/script/target.hpp" | grep -vx canary)
# shellcheck disable=SC2046
cmake --build "$out/build" --target $(for name in $targets; do echo "fuzz_$name"; done) >/dev/null
objects=
for name in $targets; do
  program=$out/build/fuzz/fuzz_$name
  folders=$(for corpus; do [ ! -d "$corpus/$name" ] || echo "$corpus/$name"; done)
  # shellcheck disable=SC2086
  LLVM_PROFILE_FILE="$out/$name.profraw" "$program" $folders >"$out/$name.log" 2>&1 || {
    tail -3 "$out/$name.log" >&2
    exit 1
  }
  objects="$objects${objects:+ -object }$program"
done
"llvm-profdata$suffix" merge -o "$out/all.profdata" "$out"/*.profraw
# shellcheck disable=SC2086
cov() {
  what=$1
  shift
  "llvm-cov$suffix" "$what" $objects -instr-profile="$out/all.profdata" "$@" 2>"$out/llvm-cov.log" || {
    cat "$out/llvm-cov.log" >&2
    exit 1
  }
}
cov show -format=html -output-dir="$out/html" "$root/driver" "$root/device" >/dev/null
cov export "$root/driver" >"$out/driver.json"
"$root/fuzz/campaign/cover.py" "$out/driver.json" --all >"$out/driver.txt"
grep -v ': never ' "$out/driver.txt"
echo "missing outcomes: $out/driver.txt; lines: $out/html/index.html"
