#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares hni-spec with systemrdl-compiler on .rdl files of other projects.

    public_files.py [--spec HNI_SPEC] [-I FOLDER]... FOLDER|FILE...

Each address map of the top level of each file is elaborated by both; the models (addresses, sizes, bits,
access, resets, enumerators, every property that the source assigns) are compared. Status 1 if anything is
accepted that the other refuses, a model differs, or hni-spec crashes, hangs or refuses without a word; 2 if
the reference compiler cannot be imported or there is no file. One difference is meant and is counted apart:
a boolean user-defined property that is named without a value is true here, and its default there.
"""
import argparse
import collections
import pathlib
import re
import sys

try:
    import reference_model as model
except ImportError as error:
    print(f"{error}: the Python package systemrdl-compiler must be importable (PYTHONPATH)")
    sys.exit(2)


def first_error(text):
    """Returns the kind of the first error, without names and numbers."""
    found = re.search(r"error: (.*)", text)
    return re.sub(r"'[^']*'|\"[^\"]*\"|\\b[0-9]\\w*", "...", found.group(1) if found else text)


ORDER = ("broken", "wrong acceptance", "different model", "wrong refusal", "accepted", "refused")


def worst(verdicts):
    """Returns the verdict on a file from the verdicts on its address maps."""
    return min(verdicts, key=lambda verdict: ORDER.index(verdict) if verdict in ORDER else 4)


class Count:
    def __init__(self):
        self.alike = collections.Counter()
        self.files = collections.Counter()
        self.bad = []
        self.refusals = collections.defaultdict(list)

    def judge(self, spec, path, include):
        try:
            compiler, printer, roots = model.reference_roots(path, include)
        except model.Refused as why:
            self.files[self.compare(spec, path, include, None, why)] += 1
            return
        if not roots:
            self.files["no address map"] += 1
            mine, _ = model.our_model(spec, path, None, include)
            if mine:
                self.bad.append(f"{path}: a model of a file without an address map")
            return
        verdicts = []
        for top in roots:
            try:
                theirs = model.reference_model(compiler, printer, top)
                verdicts.append(self.compare(spec, path, include, top, theirs))
            except model.Refused as why:
                verdicts.append(self.compare(spec, path, include, top, why))
        self.files[worst(verdicts)] += 1

    def compare(self, spec, path, include, top, theirs):
        verdict, detail = self.verdict(spec, path, include, top, theirs)
        self.alike[verdict] += 1
        place = f"{path} {top or ''}".rstrip()
        if verdict == "wrong refusal":
            self.refusals[first_error(detail)].append(place)
        elif not verdict.startswith(("accepted", "refused")):
            self.bad.append(f"{place}: {verdict}: {detail}")
        return verdict

    @staticmethod
    def verdict(spec, path, include, top, theirs):
        try:
            mine, text = model.our_model(spec, path, top, include)
        except model.Broken as why:
            return "broken", str(why)
        refused = isinstance(theirs, model.Refused)
        if mine is None:
            return ("refused", "") if refused else ("wrong refusal", text)
        if refused:
            return "wrong acceptance", str(theirs)
        if sorted(mine) == sorted(theirs):
            return "accepted", ""
        more, less = sorted(set(mine) - set(theirs)), sorted(set(theirs) - set(mine))
        if [line.replace(" = true", " = false") for line in more] == less:
            return "accepted but for booleans without a value", ""
        shown = "\n".join([f"    ours   {line}" for line in more[:5]] + [f"    theirs {line}" for line in less[:5]])
        return "different model", f"{len(more)} and {len(less)} lines\n{shown}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--spec", default="hni-spec", help="the program (default: hni-spec in PATH)")
    parser.add_argument("-I", dest="include", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT",
                        help="leave out files whose path has it")
    parser.add_argument("paths", nargs="+", type=pathlib.Path, metavar="FOLDER|FILE")
    options = parser.parse_args()
    files = []
    for path in options.paths:
        files += sorted(path.rglob("*.rdl")) if path.is_dir() else [path]
    files = [path for path in files if not any(text in str(path) for text in options.skip)]
    if not files:
        print("no .rdl file there")
        return 2
    count = Count()
    for path in files:
        print(path, file=sys.stderr)
        count.judge(options.spec, path, options.include)
    for line in count.bad:
        print(line)
    for why, places in sorted(count.refusals.items(), key=lambda item: -len(item[1])):
        print(f"wrong refusal, {len(places)}: {why}")
        for place in places:
            print(f"    {place}")
    print(f"{len(files)} files: " + ", ".join(f"{number} {key}" for key, number in sorted(count.files.items())))
    print(f"{sum(count.alike.values())} address maps and files that do not parse: "
          + ", ".join(f"{number} {key}" for key, number in sorted(count.alike.items())))
    return 1 if count.bad else 0


if __name__ == "__main__":
    sys.exit(main())
