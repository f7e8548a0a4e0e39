#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What can be seen without a build: format, licence lines, paths of a machine, long lines of shell.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
complain() { echo "lint: $*" >&2; status=1; }

mapfile -t sources < <(git ls-files '*.cpp' '*.hpp' '*.h')
clang-format --dry-run --Werror "${sources[@]}" || complain "run: clang-format -i on the files above"

while read -r file; do
  head -5 "$file" | grep -q 'SPDX-License-Identifier' || complain "$file has no SPDX line"
done < <(git ls-files '*.cpp' '*.hpp' '*.h' '*.sh' '*.py' '*.bt' '*.rdl' '*.cmake' '*.def' '*CMakeLists.txt' run test .ci)

git grep -nE '(^|[^A-Za-z])/(work|farm)/' -- . && complain "a path of one machine is in the tree"
mapfile -t scripts < <(git ls-files '*.sh' run test .ci/run)
shellcheck -x -e SC1091 "${scripts[@]}" || complain "shellcheck found something"
exit "$status"
