#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws comments at random from the whole tree, for a review of the language (CONTRIBUTING.md, "Language").

    tests/docs/sample_comments.py --seed 7 --count 200            prints 200 comments with file and line
    tests/docs/sample_comments.py --all [--under tests/driver]    prints every comment, in the order of the files

A comment is a block of consecutive comment lines, or a Python docstring, of at least 20 characters. Licence lines, directives to tools,
ends of namespaces, data, the corpus, seeded-bug patches and generated files are left out. The same seed on the same
commit draws the same comments.
"""
import argparse
import ast
import pathlib
import random
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORTEST = 20
CPP = (".hpp", ".cpp", ".h", ".cc", ".def", ".rdl", ".in")
HASH = (".py", ".sh", ".cmake", ".bt", ".yml", ".yaml")
SKIPPED = re.compile(r"^(corpus/|fuzz/bugs/|tests/spec/bad/|docs/probes\.md)")
NO_TEXT = re.compile(r"SPDX-License-Identifier|^!|^namespace [\w:]+$|^shellcheck disable|^clang-format o|^NOLINT")


def marker_of(name, text):
    """Returns the marker that starts a comment in the file `name`, or None for a file without comments."""
    path = pathlib.PurePath(name)
    if path.suffix in (".cpp", ".hpp", ".h", ".cc", ".def", ".rdl", ".bt") or name.endswith((".hpp.in", ".h.in")):
        return "//"
    if path.suffix in HASH or path.name in ("CMakeLists.txt", "Dockerfile") or text.startswith("#!"):
        return "#"
    return None


CPP_TOKEN = re.compile(r'R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|'
                       r"(?P<line>//[^\n]*)|(?P<block>/\*.*?\*/)", re.S)


def line_comments(text, marker):
    """Yields (line, text before, body) for each line comment. Strings of C++ are skipped; in other files quotes must be even."""
    if marker == "//":
        for token in CPP_TOKEN.finditer(text):
            if token["line"] is not None:
                start = text.rfind("\n", 0, token.start()) + 1
                body = re.sub(r"^//[/!]?<?", "", token["line"])
                yield text.count("\n", 0, token.start()) + 1, text[start:token.start()], body.strip()
        return
    for number, line in enumerate(text.splitlines(), 1):
        for hit in re.finditer(r"(?:(?<=\s)|(?<=^))#", line):
            if all(line.count(quote, 0, hit.start()) % 2 == 0 for quote in "\"'"):
                yield number, line[:hit.start()], line[hit.end():].strip()
                break


def comments_of(name, text):
    """Returns [(line, comment)] of a file."""
    marker = marker_of(name, text)
    if marker is None:
        return []
    found, previous = [], None
    for number, before, body in line_comments(text, marker):
        if NO_TEXT.search(body):
            previous = None
            continue
        continues = previous is not None and previous[0] + 1 == number and not before.strip()
        if continues and (not previous[1].strip() or len(before) > len(previous[1].rstrip())):
            found[-1][1].append(body)
        else:
            found.append((number, [body]))
            previous = (number, before)
        previous = (number, previous[1] if continues else before)
    for token in CPP_TOKEN.finditer(text) if marker == "//" else []:
        if token["block"] is not None:
            found.append((text.count("\n", 0, token.start()) + 1, [re.sub(r"^[ *]+", "", token["block"][2:-2], flags=re.M)]))
    if name.endswith(".py") or text.startswith("#!/usr/bin/env python3"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and (doc := ast.get_docstring(node)):
                found.append((node.body[0].lineno, [doc]))
    joined = [(number, " ".join(" ".join(body).split())) for number, body in found]
    return sorted(c for c in joined if len(c[1]) >= SHORTEST and re.search(r"[A-Za-z]{3}", c[1]))


def main():
    parser = argparse.ArgumentParser(description="Draws comments at random from the tree.")
    parser.add_argument("--seed", type=int, default=1, help="seed of the drawing")
    parser.add_argument("--count", type=int, default=200, help="number of comments to draw")
    parser.add_argument("--under", action="append", default=[], help="only files below this folder; may be repeated")
    parser.add_argument("--all", action="store_true", help="print every comment instead of drawing")
    options = parser.parse_args()
    listing = subprocess.run(["git", "ls-files", *options.under], cwd=ROOT, capture_output=True, text=True, check=True)
    comments = []
    for name in listing.stdout.splitlines():
        if SKIPPED.match(name) or (ROOT / name).is_symlink():
            continue
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        comments += [(name, line, comment) for line, comment in comments_of(name, text)]
    if not options.all:
        if len(comments) < options.count:
            print(f"only {len(comments)} comments: lower --count or widen --under", file=sys.stderr)
            return 1
        comments = sorted(random.Random(options.seed).sample(comments, options.count))
    for name, line, comment in comments:
        print(f"{name}:{line}: {comment}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
