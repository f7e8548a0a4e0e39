#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/cover.py EXPORT [--all]: branch coverage of the driver core, from what `llvm-cov export` says.

The core is templates: a branch counts as taken if any instantiation takes it, and every outcome (true, false)
counts as one. Prints a line a file and, with --all, each outcome that is missing; the last line has the sum.
`fuzz/cover.sh` calls it. docs/fuzzing.md says what is not reached, and why.
"""
import collections
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CORE = ROOT / "driver"


def outcomes(export):
    """(file, line, column, end line, end column): [times true, times false]."""
    branches = collections.defaultdict(lambda: [0, 0])
    for data in json.loads(pathlib.Path(export).read_text())["data"]:
        for function in data["functions"]:
            files = [pathlib.Path(name).resolve() for name in function["filenames"]]
            for line, column, end_line, end_column, true, false, file, *_ in function.get("branches", []):
                if files[file].parent == CORE:
                    counts = branches[files[file].name, line, column, end_line, end_column]
                    counts[0] += true
                    counts[1] += false
    return branches


def missing(branches):
    return sorted((place, outcome) for place, counts in branches.items()
                  for outcome, count in zip(("true", "false"), counts) if count == 0)


def text_of(place):
    file, line, column, end_line, end_column = place
    lines = (CORE / file).read_text().splitlines()[line - 1:end_line]
    lines[-1] = lines[-1][:end_column - 1]
    lines[0] = lines[0][column - 1:]
    return re.sub(r"\s+", " ", " ".join(lines)).strip()


def main():
    branches = outcomes(sys.argv[1])
    gaps = missing(branches)
    files = collections.Counter(place[0] for place in branches)
    lost = collections.Counter(place[0] for place, _ in gaps)
    for name in sorted(files):
        total = 2 * files[name]
        print(f"{name:28} {total - lost[name]:5} of {total:5}  {100 - 100 * lost[name] / total:5.1f} %")
    if "--all" in sys.argv:
        for place, outcome in gaps:
            print(f"driver/{place[0]}:{place[1]}:{place[2]}: never {outcome}: {text_of(place)}")
    total = 2 * len(branches)
    print(f"branches of the driver core: {total - len(gaps)} of {total}, {100 - 100 * len(gaps) / total:.2f} %")


if __name__ == "__main__":
    main()
