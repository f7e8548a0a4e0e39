#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/engine/build_afl.sh FOLDER [TARGET...]: the targets for AFL++, persistent and with shared memory
# (its libFuzzer driver), with ASan and UBSan. HNI_AFL_DRIVER names libAFLDriver.a.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: fuzz/engine/build_afl.sh FOLDER [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/script/target.hpp")
LIB_FUZZING_ENGINE=${HNI_AFL_DRIVER:-/usr/lib/afl/libAFLDriver.a} AFL_QUIET=1 \
  cmake -S "$root" -B "$out" -G Ninja -DCMAKE_C_COMPILER=afl-clang-fast \
  -DCMAKE_CXX_COMPILER=afl-clang-fast++ -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DHNI_SANITIZE=address,undefined -DHNI_TESTS=OFF -DHNI_BENCH=OFF -DHNI_PROOFS=OFF -DHNI_TOOLS=OFF
programs=$(for name in "$@"; do echo "fuzz_$name"; done)
AFL_QUIET=1 cmake --build "$out" --target $programs
