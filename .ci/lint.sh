#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reproducible lint: checks that everything named in documents and citations exists and that every public declaration
# is documented, then runs cppcheck over all libraries and tools.
set -u
cd "$(dirname "$0")/.." || exit 1
for check in tests/docs/citations.py tests/docs/paths.py tests/docs/idiom.py tests/docs/repeats.py "docs/make_figures.py --check"; do
  # shellcheck disable=SC2086
  python3 -B $check || exit 1
done
# Only clang 19 reports this, and only in the last step of CI.
if git grep -nE 'std::(ranges::)?(stable_sort|stable_partition|inplace_merge|get_temporary_buffer)\(' -- '*.cpp' '*.hpp'; then
  echo "libstdc++ 12 implements these with a deprecated function: see spec/compiler/sort_stable.hpp" >&2
  exit 1
fi
sh docs/doxygen.sh || exit 1
mkdir -p build/cppcheck
exec cppcheck --quiet --std=c++20 --language=c++ --error-exitcode=1 --inline-suppr \
  --enable=warning,performance,portability --cppcheck-build-dir=build/cppcheck -j "$(nproc)" \
  --suppressions-list=.ci/cppcheck.txt -I . \
  device spec/compiler tools bench
