#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every citation of docs/reference/ and every link between the documents resolves.

    tests/docs/citations.py              checks all files of the repository
    tests/docs/citations.py --self-test  checks that bad citations are refused

Citations (CONTRIBUTING.md, "Citations"):
    [device 12.1, 12.4]   [device 4.2 to 4.5]   [device 4.4 step 2]   [trust-boundary A.2]   [trust-boundary A22, B5]
    hni_ref = "device 11.1, 11.3";       in spec/*.rdl
    # seeds: trust-boundary A22          in fuzz/bugs/*.patch

Refused are citations of a section, item or row that has no anchor, of more than one line, and of a form that this
script does not check: "fbnic reference 12.1", "trust boundary A 22", or a bare "(12.1)" in a comment.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = {"device": "docs/reference/device.md", "trust-boundary": "docs/reference/trust-boundary.md"}
LEAST_CITATIONS = 300  # finding fewer means that the search is broken

# Files that are not written by us: corpus, inputs of the spec compiler's tests, recorded output.
SKIPPED = re.compile(r"^(corpus/|tests/spec/(bad/|.*\.dump$)|LICENSE$|tests/docs/citations\.py$)")
COMMENTED = re.compile(r"\.(cpp|hpp|h|c|rdl|pml)$")

CITATION = re.compile(r"\[(device|trust-boundary) (?=[0-9A-C])([^\]]*)(\])?")
FIELD_RDL = re.compile(r'\bhni_ref\s*=\s*"([^"]*)"')
FIELD_PATCH = re.compile(r"^# seeds: (.*)$")
FIELD = re.compile(r"(device|trust-boundary) (.*)")
BROKEN = re.compile(r"\[(device|trust-boundary)$")
OLD = re.compile(r"\b(fbnic|the|The) references? [0-9]|\([rR]eference [0-9]|\btrust boundary [ABC]?[ .#]?[0-9]"
                 r"|(?<!-)\bboundary [ABC][ .#]?[0-9]|\btrust boundary [ABC]\b|\breference \(?[0-9]")
OLD_IN_CODE = re.compile(r"\(fbnic$|\btrap [0-9]+\)|\bsection [0-9]+\b|\btrust boundary$")
# A section number in the form of an old citation: "(4.4, step 2)", "(19)." and "///< 4.7" at an end, "the order of 10.6".
BARE = re.compile(r"(?:^|\s)\((\d{1,2}\.\d)(?=[,; )])[^)]*\)|(?:^|\s)(\d{1,2}\.\d) steps? \d|\s\(([1-9]\d?)\)(?=[.,;:]|$)"
                  r"|///< (\d{1,2}(?:\.\d)?)$|\bof (\d{1,2}\.\d)(?=[ :,;])")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')


def anchors_of(name, text):
    """Returns the anchors of a reference document; checks that each heading, step and row has the correct one."""
    found, problems, section = set(), [], ""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        for anchor in ANCHOR.findall(line):
            if anchor in found:
                problems.append(f"{DOCUMENTS[name]}:{number}: anchor '{anchor}' stands twice")
            found.add(anchor)
        want = None
        if heading := re.match(r"##+ ([0-9A-C][0-9.]*) ", line.replace(". ", " ", 1)):
            section = heading[1]
            if f'<a id="{section}"></a>' != lines[number - 2]:
                want = section
        elif step := re.match(r"(\d+)\. ", line):
            want = f"{section}-{step[1]}" if name == "device" else f"{section}{step[1]}"
        elif name == "trust-boundary" and (row := re.match(r"\|(?: <a id=[^|]*</a>| )(\d+) \|", line)):
            want = f"{section[0]}{row[1]}"
        if want and f'<a id="{want}"></a>' not in line:
            problems.append(f"{DOCUMENTS[name]}:{number}: anchor '{want}' is missing: add <a id=\"{want}\"></a>")
    return found, problems


def targets(document, item):
    """Returns the anchors that one item of a citation names; an empty list if the item is malformed."""
    if document == "device":
        if plain := re.fullmatch(r"(\d+(?:\.\d)?)(?: to (\d+(?:\.\d)?))?", item):
            return [end for end in plain.groups() if end]
        if steps := re.fullmatch(r"(\d+(?:\.\d)?) (?:steps?|traps?|items?) (\d+)(?: (?:to|and) (\d+))?", item):
            return [f"{steps[1]}-{end}" for end in steps.groups()[1:] if end]
        return []
    row = r"([ABC](?:\.\d|\d+))"
    return [end for end in match.groups() if end] if (match := re.fullmatch(f"{row}(?: to {row})?", item)) else []


class Checker:
    def __init__(self, documents):
        self.problems, self.anchors, self.count = [], {}, 0
        for name, text in documents.items():
            self.anchors[name], problems = anchors_of(name, text)
            self.problems += problems

    def cite(self, where, document, text):
        self.count += 1
        for item in text.split(", "):
            names = targets(document, item)
            if not names:
                self.problems.append(f"{where}: '{document} {item}' is no citation: see CONTRIBUTING.md, Citations")
            for name in names:
                if name not in self.anchors[document]:
                    self.problems.append(f"{where}: '{document} {item}': {DOCUMENTS[document]} has no anchor '{name}'")

    def line(self, path, number, line):
        where = f"{path}:{number}"
        for match in CITATION.finditer(line):
            if match[3]:
                self.cite(where, match[1], match[2])
            else:
                self.problems.append(f"{where}: citation '{match[0]}' goes on in the next line: put it on one")
        for field in FIELD_RDL.findall(line) + (FIELD_PATCH.findall(line) if path.endswith(".patch") else []):
            if match := FIELD.fullmatch(field):
                self.cite(where, match[1], match[2])
            else:
                self.problems.append(f"{where}: '{field}' is no citation: write for example 'device 12.1'")
        if BROKEN.search(line):
            self.problems.append(f"{where}: citation goes on in the next line: put it on one")
        comment = line
        if COMMENTED.search(path):
            if not (start := re.search(r'//|/\*|^\s*\*|"', line)):
                return
            comment = line[start.start():]
        elif path.endswith(".md") and path in DOCUMENTS.values():
            return
        comment = CITATION.sub("", comment)
        if match := OLD.search(comment) or (COMMENTED.search(path) and OLD_IN_CODE.search(comment)):
            self.problems.append(f"{where}: '{match[0].strip()}' is not checked: write [device 12.1] or [trust-boundary A22]")
        if COMMENTED.search(path):
            for match in BARE.finditer(comment):
                number = next(filter(None, match.groups()))
                if number in self.anchors["device"]:
                    self.problems.append(f"{where}: '{match[0].strip()}' names no document: write [device {number}]")

    def links(self, root, path, text):
        """Returns the links of a Markdown file to files and anchors of this repository."""
        for number, line in enumerate(text.splitlines(), 1):
            for link in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", link):
                    continue
                file, _, anchor = link.partition("#")
                to = (root / path).parent / file if file else root / path
                if not to.exists():
                    self.problems.append(f"{path}:{number}: link to '{link}': no such file")
                elif anchor and to.suffix == ".md" and anchor not in known_anchors(to):
                    self.problems.append(f"{path}:{number}: link to '{link}': no such anchor")


def known_anchors(path):
    text = path.read_text()
    found = set(ANCHOR.findall(text))
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M):
        plain = re.sub(r"\]\([^)]*\)|[`*\[]", "", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


def self_test():
    """Checks that bad citations are refused and good ones accepted; a checker that accepts everything would pass on the tree."""
    device = '<a id="4"></a>\n## 4 Mailbox\n\n<a id="4.4"></a>\n### 4.4 Bring-up\n\n1. <a id="4.4-1"></a>Reset.\n'
    trust = '<a id="A"></a>\n## A. Where\n\n<a id="A.2"></a>\n### A.2 Rx\n\n| <a id="A22"></a>22 | BUFF_ID |\n'
    good = ["// Bring-up [device 4.4].", "// Bring-up [device 4, 4.4 step 1].", "/// [trust-boundary A22, A.2]", "int a(4.4);",
            'hni_ref = "device 4, 4.4";', "// a range of [device 4 to 4.4]", "// (9.9 is no section)", "// (1) first (2) then", "// in 4.4 s", "x = y[device];"]
    bad = ["// [device 4.5]", "// [device 4.4 step 2]", "// [trust-boundary A23]", "// [trust-boundary A.3]", "// [device 4.4", "// [device",
           "// (fbnic reference 4.4)", "// way (fbnic", "// (4.4)", "// as in 4.4 step 1", "// trust boundary A22", "// (trust boundary C#1)", "// boundary A.2, B 1-3)", "// what the reference (14) leaves open",
           "// (4.4, trap 1)", "// ends (4)", "int a;  ///< 4.4", "// order of 4.4:", "// as reference 4.4 says", 'hni_ref = "fbnic reference 4";', 'hni_ref = "device 5";', "// [device 4.4, nonsense]"]
    broken = [("device", device.replace('<a id="4.4-1"></a>', "")), ("device", device.replace('<a id="4.4"></a>\n', "")),
              ("device", device + '<a id="4"></a>\n'), ("trust-boundary", trust.replace('<a id="A22"></a>', ""))]
    failed = 0
    for lines, want in ((good, False), (bad, True)):
        for line in lines:
            checker = Checker({"device": device, "trust-boundary": trust})
            checker.line("x.cpp", 1, line)
            if bool(checker.problems) != want:
                print(f"{'accepted' if want else 'refused'}: {line} {checker.problems}")
                failed += 1
    for name, text in broken:
        if not anchors_of(name, text)[1]:
            print(f"accepted: {text}")
            failed += 1
    print(f"self test: {len(good) + len(bad) + len(broken)} cases, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    checker = Checker({name: (ROOT / path).read_text() for name, path in DOCUMENTS.items()})
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode != 0:
        print("no git repository here: nothing to check")
        return 77
    for path in filter(None, listed.stdout.split("\0")):
        if SKIPPED.search(path) or not (ROOT / path).is_file():
            continue
        try:
            text = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            checker.line(path, number, line)
        if path.endswith(".md"):
            checker.links(ROOT, path, text)
    if checker.count < LEAST_CITATIONS:
        checker.problems.append(f"only {checker.count} citations found: the search is broken")
    for problem in checker.problems:
        print(problem)
    print(f"{checker.count} citations, {len(checker.problems)} problems")
    return 1 if checker.problems else 0


if __name__ == "__main__":
    sys.exit(main())
