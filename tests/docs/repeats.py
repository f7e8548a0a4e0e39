#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds duplicated code: 12 lines or more that are the same, or the same but for names, numbers and texts.

    tests/docs/repeats.py              fails on a repeat that repeats.txt does not list, and on a line of it that is stale
    tests/docs/repeats.py --print      prints every repeat as a line for repeats.txt, with the places
    tests/docs/repeats.py --self-test  checks that repeats are found, and that different code is not

Comments, empty lines, includes and lines of punctuation do not count. Lines of the same shape count as a repeat only where at least
MIN_SHAPES different shapes are among them: rows of a table, members of a struct and assertions of a test are alike by nature.
"""
import collections
import keyword
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = ROOT / "tests/docs/repeats.txt"
MIN_LINES = 12
MIN_SHAPES = 4
MAX_PLACES = 8  # code at more positions is the usual form of the language or of a library

KEYWORDS = set(keyword.kwlist) | set(
    """auto bool break case char class const consteval constexpr continue default delete do double else enum explicit false final
    float for friend if inline int long namespace noexcept nullptr operator override private protected public return short signed
    sizeof static static_assert struct switch template this throw true try typename union unsigned using virtual void while
    requires concept then fi done esac local""".split())
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\b[0-9][0-9a-fA-FxX\'.]*[uUlLfF]*\b|[A-Za-z_]\w*|\S')


def code_of(line, hashes):
    """Returns the line without comment and outer white space; empty if it is ignored."""
    line = line.strip()
    if hashes:
        line = "" if line.startswith("#") else line
    else:
        line = re.sub(r"//.*", "", line).strip()
        if line.startswith(("#include", "#pragma", "#undef", "#endif")):
            return ""
    if hashes and re.match(r"(import|from) ", line):
        return ""
    return " ".join(line.split()) if re.search(r"\w", line) else ""


def shape_of(code):
    """Returns the line with names, numbers and texts replaced."""
    out = []
    for token in TOKEN.findall(code):
        if token[0] in "\"'":
            out.append("s")
        elif token[0].isdigit():
            out.append("0")
        elif re.match(r"[A-Za-z_]", token):
            out.append(token if token in KEYWORDS else "n")
        else:
            out.append(token)
    return " ".join(out)


class File:
    def __init__(self, name, text):
        self.name = name
        hashes = not name.endswith((".cpp", ".hpp", ".def", ".bt"))
        self.numbers, self.codes, self.shapes = [], [], []
        for number, line in enumerate(text.splitlines(), 1):
            code = code_of(line, hashes)
            if code:
                self.numbers.append(number)
                self.codes.append(code)
                self.shapes.append(shape_of(code))


def runs(files, rows):
    """Yields all pairs of positions with MIN_LINES equal rows: (file, index, file, index, length)."""
    windows = collections.defaultdict(list)
    for f, file in enumerate(files):
        lines = rows(file)
        for at in range(len(lines) - MIN_LINES + 1):
            windows[hash(tuple(lines[at:at + MIN_LINES]))].append((f, at))
    starts = collections.defaultdict(set)
    for places in windows.values():
        if not 2 <= len(places) <= MAX_PLACES:
            continue
        for i, (f, a) in enumerate(places):
            for g, b in places[i + 1:]:
                if f != g or b - a >= MIN_LINES:
                    starts[f, g, b - a].add(a)
    for (f, g, distance), at in starts.items():
        while at:
            first = min(at)
            last = first
            while last in at:
                at.discard(last)
                last += 1
            yield f, first, g, first + distance, last - first + MIN_LINES - 1


def repeats(files):
    """Returns repeats by pair of files: {(name, name): [(line, line, line, line, lines)]}."""
    found = collections.defaultdict(list)
    for same, rows in ((True, lambda file: file.codes), (False, lambda file: file.shapes)):
        for f, a, g, b, length in runs(files, rows):
            shapes = files[f].shapes[a:a + length]
            if not same and len(set(shapes)) < MIN_SHAPES:
                continue
            if not same and f == g and abs(b - a) < length:
                continue  # a list that resembles itself, shifted by a few lines
            one, other = files[f].numbers, files[g].numbers
            found[files[f].name, files[g].name].append((one[a], one[a + length - 1], other[b], other[b + length - 1], length))
    # Equal code also has equal shape: keep the longest of the repeats that begin at the same positions.
    for pair, places in found.items():
        longest = {}
        for place in sorted(places, key=lambda p: p[4]):
            longest[place[0] - place[2], place[1]] = place
        kept = []
        for place in sorted(longest.values(), key=lambda p: -p[4]):
            if not any(k[0] <= place[0] and place[1] <= k[1] and k[2] <= place[2] and place[3] <= k[3] for k in kept):
                kept.append(place)
        found[pair] = sorted(kept)
    return found


def tree():
    names = subprocess.run(["git", "ls-files", "*.cpp", "*.hpp", "*.def", "*.py", "*.sh", "*.bt", "*.cmake", "*CMakeLists.txt"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [File(name, (ROOT / name).read_text()) for name in names if (ROOT / name).is_file()]


def listed():
    """Reads repeats.txt: `file | file | lines | reason`; `lines` is the sum over all repeats of the two files."""
    out = {}
    for line in LIST.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        one, other, lines, reason = (part.strip() for part in line.split("|", 3))
        out[one, other] = (int(lines), reason)
    return out


def check():
    found, known, wrong = repeats(tree()), listed(), []
    for pair, places in sorted(found.items()):
        total = sum(place[4] for place in places)
        allowed = known.get(pair, (0, ""))[0]
        if total > allowed:
            where = ", ".join(f"{a}-{b} ~ {c}-{d}" for a, b, c, d, _ in places)
            wrong.append(f"{pair[0]} and {pair[1]}: {total} lines are repeated ({where}), {allowed} are listed: "
                         f"write them once, or list them in {LIST.relative_to(ROOT)} with the reason")
    for pair, (_, reason) in known.items():
        if pair not in found:
            wrong.append(f"{LIST.name}: {pair[0]} and {pair[1]} repeat nothing: remove the line")
        if len(reason) < 20:
            wrong.append(f"{LIST.name}: {pair[0]} and {pair[1]}: say why the repeat stays")
    for line in wrong:
        print(line)
    print(f"{len(found)} pairs of files repeat {MIN_LINES} lines or more, {len(wrong)} problems")
    return 1 if wrong else 0


def show():
    for pair, places in sorted(repeats(tree()).items()):
        where = ", ".join(f"{a}-{b} ~ {c}-{d}" for a, b, c, d, _ in places)
        print(f"{pair[0]} | {pair[1]} | {sum(place[4] for place in places)} | ({where})")
    return 0


def self_test():
    body = [f"if (value{i} {'<>'[i % 2]} limit) {'return ' * (i % 3 == 0)}call{i}({'a, ' * (i % 5)}b);" for i in range(14)]
    other = [line.replace("value", "number").replace("call", "handle") for line in body]
    unlike = [f"for (int i{i} = 0; i{i} {'+' * (i + 1)} 1;) x{'[0]' * i};" for i in range(14)]
    cases = [("same", body, body, True), ("shape", body, other, True), ("unlike", body, unlike, False),
             ("short", body[:11], body[:11], False), ("table", ["{a, 1},"] * 20, ["{b, 2},"] * 20, False),
             ("comments", [line + "  // x" for line in body], body, True)]
    bad = 0
    for name, one, two, expected in cases:
        files = [File("one.cpp", "\n".join(one)), File("two.cpp", "\n".join(two))]
        if bool(repeats(files)) != expected:
            print(f"self-test '{name}': expected {'a repeat' if expected else 'none'}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(self_test() if "--self-test" in sys.argv else show() if "--print" in sys.argv else check())
