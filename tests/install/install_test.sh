#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs into a fresh prefix, moves it, and uses it without the source tree:
# programs against the libraries by find_package() and by pkg-config, the vfio-user client against the installed
# `hni device`, and the installed commands.
# install_test.sh CMAKE BUILD_FOLDER CXX FLAGS SANITIZERS
set -eu
cmake=$1 build=$2 compiler=$3 flags=$4 sanitizers=$5
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
device=
trap '[ -z "$device" ] || kill "$device" 2>/dev/null; rm -rf "$folder"' EXIT

# quiet COMMAND...: shows the output only if the command fails
quiet() { "$@" >"$folder/log" 2>&1 || { cat "$folder/log"; echo "FAILED: $*"; exit 1; }; }

quiet "$cmake" --install "$build" --prefix "$folder/first"
mv "$folder/first" "$folder/prefix"  # Nothing may depend on the installation path.
# Nothing may depend on the build path. (Debug information names sources, so only programs and archives are searched.)
if grep -rIl -e "$build" -e "$folder/first" "$folder/prefix"; then
  echo "FAILED: the files above name the build folder"
  exit 1
fi
[ -z "$sanitizers" ] || flags="$flags -fsanitize=$sanitizers"

quiet "$cmake" -S "$here/consumers" -B "$folder/consumers" -DCMAKE_PREFIX_PATH="$folder/prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags"
quiet "$cmake" --build "$folder/consumers"

# over_socket PROGRAM: drives the installed `hni device`
over_socket() {
  "$folder/prefix/bin/hni" device --socket "$folder/card.sock" --wire loop >"$folder/device.log" 2>&1 &
  device=$!
  tries=0
  until [ -S "$folder/card.sock" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] && kill -0 $device || { cat "$folder/device.log"; exit 1; }
    sleep 0.1
  done
  "$1" "$folder/card.sock"
  kill $device
  wait $device || true
  device=
  rm -f "$folder/card.sock"
}
"$folder/consumers/in_process"
[ ! -x "$folder/prefix/bin/hni" ] || over_socket "$folder/consumers/over_socket"

if command -v pkg-config >/dev/null; then
  PKG_CONFIG_PATH=$(dirname "$(find "$folder/prefix" -name openhni-vfio.pc)")
  export PKG_CONFIG_PATH
  for part in spec driver device vfio; do pkg-config --exists "openhni-$part"; done
  # shellcheck disable=SC2046,SC2086
  "$compiler" $flags -std=c++20 $(pkg-config --cflags openhni-device) "$here/consumers/in_process.cpp" \
    $(pkg-config --libs openhni-device openhni-driver) -o "$folder/in_process"
  # shellcheck disable=SC2046,SC2086
  "$compiler" $flags -std=c++20 $(pkg-config --cflags openhni-vfio) "$here/consumers/over_socket.cpp" \
    $(pkg-config --libs openhni-vfio) -o "$folder/over_socket"
  "$folder/in_process"
  [ ! -x "$folder/prefix/bin/hni" ] || over_socket "$folder/over_socket"
else
  echo "no pkg-config here: the .pc files were not tried"
fi

[ -x "$folder/prefix/bin/hni" ] || exit 0
"$folder/prefix/bin/hni" --version
"$folder/prefix/bin/hni" spec find PAUSE >/dev/null
for program in "$folder"/prefix/libexec/openhni/hni-*; do
  "$folder/prefix/bin/hni" "$(basename "$program" | sed 's/^hni-//')" --help >/dev/null
done
# The installed command finds its tracing programs.
if [ -f "$folder/prefix/share/man/man8/hni-trace.8" ]; then
  "$folder/prefix/bin/hni" trace | grep 'latency'
fi
