#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the pages of all public headers of driver/, device/ and vfio_user/. Fails on any warning: each declaration has
# a comment, and each parameter and result is described.
#
#     docs/doxygen.sh [FOLDER]      writes FOLDER/html; FOLDER is build/doxygen by default
#     docs/doxygen.sh --self-test   checks that an undocumented declaration is found
set -u
cd "$(dirname "$0")/.." || exit 1
command -v doxygen >/dev/null || {
  echo 'doxygen is missing: apt-get install doxygen'
  exit 77
}

# run INPUT FOLDER: prints the warnings; status 0 if there are none
run() {
  mkdir -p "$2"
  { cat docs/Doxyfile && printf 'INPUT = %s\nOUTPUT_DIRECTORY = %s\nWARN_LOGFILE = %s/warnings\n' "$1" "$2" "$2"; } |
    doxygen - && ! grep . "$2/warnings"
}

case ${1-} in
--self-test)
  folder=$(mktemp -d) || exit 1
  trap 'rm -rf "$folder"' EXIT
  mkdir "$folder/in"
  printf '%s\n' '/// A type.' 'struct Good {' '  /// Adds.' '  /// @param n number' '  int add(int n);' '};' >"$folder/in/a.hpp"
  run "$folder/in" "$folder/out" >"$folder/text"
  grep -q 'return type of member Good::add is not documented' "$folder/text" || { echo 'a missing @return was not found'; exit 1; }
  printf '%s\n' '/// A type.' 'struct Good {' '  int member;' '};' >"$folder/in/a.hpp"
  run "$folder/in" "$folder/out" >"$folder/text"
  grep -q 'Member member .* is not documented' "$folder/text" || { echo 'an undocumented member was not found'; exit 1; }
  printf '%s\n' '/// A type.' 'struct Good {' '  int member;  ///< a number' '};' >"$folder/in/a.hpp"
  run "$folder/in" "$folder/out" || { echo 'a documented header was refused'; exit 1; }
  ;;
*)
  run 'driver device vfio_user' "${1-build/doxygen}" || { echo 'document the declarations above'; exit 1; }
  ;;
esac
