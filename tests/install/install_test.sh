#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs into a fresh prefix and builds and runs a program against it:
# install_test.sh CMAKE BUILD_FOLDER CXX FLAGS SANITIZERS
set -eu
cmake=$1 build=$2 compiler=$3 flags=$4 sanitizers=$5
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$cmake" --install "$build" --prefix "$folder/prefix" >"$folder/log" || { cat "$folder/log"; exit 1; }
# Nothing installed may know where it was built.
if grep -rIl "$build" "$folder/prefix" --include='*.cmake' --include='*.hpp'; then
  echo "FAILED: the files above name the build folder"
  exit 1
fi
[ -z "$sanitizers" ] || flags="$flags -fsanitize=$sanitizers"
"$cmake" -S "$here" -B "$folder/consumer" -DCMAKE_PREFIX_PATH="$folder/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" >"$folder/log" || { cat "$folder/log"; exit 1; }
"$cmake" --build "$folder/consumer" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$folder/consumer/consumer"
if [ -x "$folder/prefix/bin/hni" ]; then "$folder/prefix/bin/hni" --version; fi
# The installed command finds its tracing programs.
if [ -f "$folder/prefix/share/man/man8/hni-trace.8" ]; then
  "$folder/prefix/bin/hni" trace | grep 'latency'
fi
