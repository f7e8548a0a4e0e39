#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks formatting and licence lines, and refuses machine paths and unfinished code.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
say() {
  echo "$*"
  bad=1
}

# clang-format of Debian 12 is authoritative.
format=clang-format-14
command -v $format >/dev/null || format=clang-format
git ls-files '*.cpp' '*.hpp' | xargs $format --dry-run --Werror || bad=1

# The licence line must be among the first three lines.
for file in $(git ls-files '*.cpp' '*.hpp' '*.h' '*.c' '*.cmake' '*.txt' '*.rdl' '*.sh' '*.bt' '*.md' '*.in' '.ci/run' run test); do
  case $file in
    LICENSE | .ci/cppcheck.txt | corpus/* | tests/spec/bad/* | */golden/* | tests/spec/*.dump | tests/data/*) continue ;;
  esac
  head -3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || say "$file: no licence line"
done

# No machine-specific path, no unfinished code.
here='/(work|home|root|Users)/[a-z]'
git grep -anE "$here" -- ':!LICENSE' ':!.ci/format.sh' && say "the lines above name a machine's paths"
git grep -nwE 'TODO|FIXME|XXX|HACK' -- ':!.ci/format.sh' ':!LICENSE' ':!corpus' ':!*.png' && say "the lines above are unfinished"

# Lines, files.
for file in $(git ls-files '*.cpp' '*.hpp'); do
  awk -v f="$file" 'length($0) > 100 { printf "%s:%d: longer than 100 columns\n", f, NR; bad = 1 }
    END { exit bad }' "$file" || bad=1
done
exit $bad
