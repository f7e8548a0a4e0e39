#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/cover.sh FOLDER: what the committed corpus covers of driver/ and device/, as HTML in FOLDER
# and as a table. Builds with clang's source coverage in FOLDER/build.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:?usage: fuzz/cover.sh FOLDER}
suffix=${LLVM_SUFFIX:--14}
mkdir -p "$out"
cmake -S "$root" -B "$out/build" -G Ninja -DCMAKE_CXX_COMPILER="clang++$suffix" \
  -DCMAKE_C_COMPILER="clang$suffix" -DCMAKE_BUILD_TYPE=Debug -DHNI_TESTS=OFF -DHNI_BENCH=OFF \
  -DHNI_PROOFS=OFF -DHNI_TOOLS=OFF \
  -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping" >/dev/null
targets=$(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/target.hpp" | grep -vx canary)
programs=$(for name in $targets; do echo "fuzz_$name"; done)
cmake --build "$out/build" --target $programs >/dev/null
objects=
for name in $targets; do
  LLVM_PROFILE_FILE="$out/$name.profraw" "$out/build/fuzz/fuzz_$name" "$root/corpus/$name" \
    >/dev/null 2>&1
  objects="$objects -object $out/build/fuzz/fuzz_$name"
done
"llvm-profdata$suffix" merge -o "$out/all.profdata" "$out"/*.profraw
"llvm-cov$suffix" show $objects -instr-profile="$out/all.profdata" -format=html \
  -output-dir="$out/html" "$root/driver" "$root/device" >/dev/null
"llvm-cov$suffix" report $objects -instr-profile="$out/all.profdata" "$root/driver" "$root/device"
echo "$out/html/index.html"
