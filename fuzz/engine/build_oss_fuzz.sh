#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
# Builds every fuzz target as OSS-Fuzz and ClusterFuzzLite require: with $CC, $CXX, $CFLAGS, $CXXFLAGS and
# $LIB_FUZZING_ENGINE, in $WORK, to $OUT, together with the target's seed corpus, dictionary and options.
# fuzz/engine/oss-fuzz/check runs it in the same way.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$WORK/openhni

# Where the targets run, only the C and C++ libraries are installed: fmt is used header-only, unused code of a target
# is not linked, and the remaining libraries (libpcap and its dependencies) go to $OUT/lib, where DT_RPATH finds them
# also for libraries of libraries.
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
  -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_CXX_FLAGS="$CXXFLAGS" \
  -DCMAKE_EXE_LINKER_FLAGS=-Wl,--as-needed,--disable-new-dtags -DCMAKE_BUILD_RPATH='$ORIGIN/lib' \
  -DHNI_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" \
  -DHNI_FMT_TARGET=fmt::fmt-header-only \
  -DHNI_TESTS=OFF -DHNI_BENCH=OFF -DHNI_PROOFS=OFF -DHNI_TOOLS=OFF -DHNI_TRACE=OFF

# The canary must be found and the empty target measures engines: neither belongs in a campaign.
targets=$(sed -n 's/^  X(\([a-z_]*\)).*/\1/p' "$root/fuzz/script/target.hpp" | grep -vx -e canary -e empty)
targets=${HNI_CHECK_TARGETS:-$targets}
programs=()
for name in $targets; do programs+=("fuzz_$name"); done
cmake --build "$build" --target "${programs[@]}"

for name in $targets; do
  program=fuzz_$name
  cp "$build/fuzz/$program" "$OUT/"
  ldd "$OUT/$program" | sed -n 's/^\t[^ ]* => \(\/[^ ]*\) .*/\1/p' |
    grep -vE '/(libc|libm|libstdc\+\+|libgcc_s|librt|libdl|libpthread|libresolv)\.' |
    while read -r library; do mkdir -p "$OUT/lib" && cp -L -n "$library" "$OUT/lib/"; done || true
  zip -q -j "$OUT/${program}_seed_corpus.zip" "$root/corpus/$name"/*
  cp "$build/generated/openhni/spec/fbnic.dict" "$OUT/$program.dict"
  printf '[libfuzzer]\nmax_len = 32768\ntimeout = 60\ndict = %s.dict\n' "$program" >"$OUT/$program.options"
done
