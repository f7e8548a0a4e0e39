#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz/engine/build_afl.sh FOLDER [TARGET...]: builds the targets for AFL++ in persistent mode with shared memory (its
# libFuzzer driver):
#   FOLDER          with ASan and UBSan
#   FOLDER/fast     without sanitizers, for most instances
#   FOLDER/cmplog   the same with CMPLOG, for `afl-fuzz -c`
#   FOLDER/mutator  the grammar-aware mutators, for AFL_CUSTOM_MUTATOR_LIBRARY
# HNI_AFL_DRIVER names libAFLDriver.a; HNI_AFL_BUILDS ("asan fast cmplog mutator") selects the builds.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: fuzz/engine/build_afl.sh FOLDER [TARGET...]}
shift
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/script/target.hpp")
export AFL_QUIET=1 LIB_FUZZING_ENGINE="${HNI_AFL_DRIVER:-/usr/lib/afl/libAFLDriver.a}"

configure() {
  folder=$1
  shift
  cmake -S "$root" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHNI_TESTS=OFF -DHNI_BENCH=OFF \
    -DHNI_PROOFS=OFF -DHNI_TOOLS=OFF "$@"
}
programs() { for name in "$@"; do echo "fuzz_$name"; done; }

# AFL++ takes options from the environment, which ccache does not hash: one build must not get the objects of another.
for build in ${HNI_AFL_BUILDS:-asan fast cmplog mutator}; do
  folder=$out/$build
  [ "$build" != asan ] || folder=$out
  sanitize='' cmplog=''
  export CCACHE_NAMESPACE="afl-$build"
  case $build in
    asan) sanitize=address,undefined ;;
    cmplog) cmplog=1 ;;
    fast) ;;
    mutator)
      # Built with an ordinary compiler, because afl-fuzz itself loads it.
      LIB_FUZZING_ENGINE='' configure "$folder" -DCMAKE_CXX_COMPILER="${HNI_CXX:-$("$root/tools/find-clang")}" \
        -DCMAKE_C_COMPILER="${HNI_CC:-$("$root/tools/find-clang" clang)}"
      cmake --build "$folder" --target hni_afl_mutator
      cp "$(find "$folder/fuzz" -maxdepth 1 -name 'libhni_afl_mutator.so')" "$folder/"
      continue
      ;;
  esac
  [ -z "$cmplog" ] || export AFL_LLVM_CMPLOG=1
  configure "$folder" -DCMAKE_C_COMPILER=afl-clang-fast -DCMAKE_CXX_COMPILER=afl-clang-fast++ \
    -DHNI_SANITIZE="$sanitize"
  # shellcheck disable=SC2046
  cmake --build "$folder" --target $(programs "$@")
  unset AFL_LLVM_CMPLOG
done
