#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/campaign/cover.py EXPORT [--all]: branch coverage of the driver core, from the output of `llvm-cov export`.

The core is templates: a branch counts as taken if any instantiation takes it, and every outcome (true, false)
counts as one. Prints a line per file and, with --all, each missing outcome. The last lines are the totals of
all outcomes, and without those that fuzz/campaign/unreached.txt lists, each with the reason why it is unreachable.
`fuzz/campaign/cover.sh` calls it. Fails if the list names an outcome that is not missing.
"""
import collections
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE = ROOT / "driver"
LIST = ROOT / "fuzz" / "campaign" / "unreached.txt"


def outcomes(export):
    """(file, line, column, end line, end column): [times true, times false]."""
    branches = collections.defaultdict(lambda: [0, 0])
    for data in json.loads(pathlib.Path(export).read_text())["data"]:
        for function in data["functions"]:
            files = [pathlib.Path(name).resolve() for name in function["filenames"]]
            for line, column, end_line, end_column, true, false, file, *_ in function.get("branches", []):
                if CORE in files[file].parents and files[file].parent != CORE / "io":
                    name = files[file].relative_to(CORE).as_posix()
                    counts = branches[name, line, column, end_line, end_column]
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


def listed():
    """(file, outcome, text): reason."""
    reasons = {}
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            file, outcome, rest = line.split(" | ", 2)
            text, reason = rest.rsplit(" | ", 1)
            reasons[file, outcome, text] = reason
    return reasons


def main():
    branches = outcomes(sys.argv[1])
    gaps = missing(branches)
    files = collections.Counter(place[0] for place in branches)
    lost = collections.Counter(place[0] for place, _ in gaps)
    for name in sorted(files):
        total = 2 * files[name]
        print(f"{name:28} {total - lost[name]:5} of {total:5}  {100 - 100 * lost[name] / total:5.1f} %")
    reasons = listed()
    unused = set(reasons)
    unexplained = 0
    for place, outcome in gaps:
        text = text_of(place)
        reason = reasons.get((place[0], outcome, text))
        unused.discard((place[0], outcome, text))
        unexplained += reason is None
        if "--all" in sys.argv:
            print(f"driver/{place[0]}:{place[1]}:{place[2]}: never {outcome}: {text}"
                  f"{f' ({reason})' if reason else ''}")
    total = 2 * len(branches)
    reached = total - len(gaps)
    excused = len(gaps) - unexplained
    print(f"branches of the driver core: {reached} of {total}, {100 * reached / total:.2f} %; "
          f"{excused} listed with a reason, {unexplained} open")
    print(f"without what is listed: {reached} of {total - excused}, {100 * reached / (total - excused):.2f} %")
    for file, outcome, text in sorted(unused):
        print(f"{LIST.name}: {file}: never {outcome}: {text}: is taken, or is not there", file=sys.stderr)
    return 1 if unused else 0


if __name__ == "__main__":
    sys.exit(main())
