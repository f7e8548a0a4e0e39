#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the files, functions and `hni` commands that the documents name exist.

    tests/docs/paths.py              checks README.md, CONTRIBUTING.md, SECURITY.md and docs/*.md
    tests/docs/paths.py --self-test  checks that wrong names are refused

A word in backquotes that begins with a folder of this repository is a path (`driver/port.hpp`, `spec/*.rdl`) and must
exist. In a numbered item that names files, every backquoted name (`Port::tx_burst`, `kRunning`) must occur in one of
those files. `hni OBJECT` must be an object of the command, and the verb of `hni port` and `hni fuzz` one of its verbs. Names in fenced blocks, and paths with a placeholder in capitals (`corpus/port/FILE`), are not checked.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = re.compile(r"~?[A-Za-z_]\w*(?:::~?\w+)*(?:\(\))?$")
COMMAND = re.compile(r"(?:^| |`)hni (--)?([a-z]+)(?: ([a-z]+)\b)?")
# The sources that contain the words of the command as string literals.
OBJECTS = "tools/hni/main.cpp"
VERBS = {"port": "tools/hni/port_command.cpp", "fuzz": "fuzz/engine/fuzz_tool.cpp"}
# Outputs of other programs, and files that the reader creates.
ELSEWHERE = ("build/",)


def is_path(word, folders):
    return "/" in word and word.split("/")[0] in folders and re.fullmatch(r"[\w./*+-]+", word) and not re.search(r"/[A-Z]+$", word)


def check(path, text, root, folders):
    problems = []
    text = re.sub(r"```.*?```", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    text = re.sub(r"^(    .*)$", lambda m: "" if "`" not in m[1] else m[1], text, flags=re.M)
    for block in re.finditer(r"^\d+\. .*?(?=^\d+\. |\n\n|\Z)|^(?!\d+\. ).*?(?=\n\n|^\d+\. |\Z)", text, flags=re.S | re.M):
        number = text.count("\n", 0, block.start()) + 1
        words = re.findall(r"`([^`]+)`", re.sub(r"\s*\n\s*", " ", block[0]))
        files = []
        for word in words:
            word = word.rstrip("/") if word.endswith("/") else word
            if not is_path(word, folders) or word.startswith(ELSEWHERE):
                continue
            found = sorted(root.glob(word))
            if not found:
                problems.append(f"{path}:{number}: no such file: '{word}'")
            files += [file for file in found if file.is_file()]
        if not files or not re.match(r"\d+\. ", block[0]):
            continue
        content = "\n".join(file.read_text(errors="replace") for file in files)
        for word in words:
            if NAME.fullmatch(word) and not re.search(rf"\b{re.escape(word.removesuffix('()').split('::')[-1])}\b", content):
                problems.append(f"{path}:{number}: '{word}' is in none of the files that this item names")
    return problems


def check_commands(path, text, root):
    """Returns the commands in backquotes and in indented lines."""
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        code = [line] if line.startswith("    ") else re.findall(r"`[^`]*`", line)
        for option, first, verb in (match for piece in code for match in COMMAND.findall(piece)):
            if not option and f'"{first}"' not in (root / OBJECTS).read_text():
                problems.append(f"{path}:{number}: 'hni {first}' is no command ({OBJECTS})")
            elif verb and first in VERBS and f'"{verb}"' not in (root / VERBS[first]).read_text():
                problems.append(f"{path}:{number}: 'hni {first} {verb}' is no command ({VERBS[first]})")
    return problems


def self_test():
    folders = {"tests"}
    here = "tests/docs/paths.py"
    good = [f"1. `{here}`: `self_test`, `check`.\n", "See `tests/docs/*.py`.\n", f"2. `{here}`: a step\n   with `NAME`.\n", "`tests/FILE` `a/b`\n"]
    bad = ["See `tests/docs/none.py`.\n", f"1. `{here}`: `Nothing::no_such_{'name'}`.\n", "1. `tests/none/`: x.\n"]
    failed = 0
    for texts, want in ((good, False), (bad, True)):
        for text in texts:
            if bool(check("x.md", text, ROOT, folders)) != want:
                print(f"{'accepted' if want else 'refused'}: {text} {check('x.md', text, ROOT, folders)}")
                failed += 1
    commands = {"    hni port rings hni0\n": 0, "`hni prove` and `hni fuzz show`\n": 0, "the words hni nonsense\n": 0,
                "    hni nonsense\n": 1, "`hni port nonsense`\n": 1, "`hni fuzz nonsense FILE`\n": 1}
    for text, want in commands.items():
        if len(check_commands("x.md", text, ROOT)) != want:
            print(f"{'refused' if want == 0 else 'accepted'}: {text}")
            failed += 1
    print(f"self test: {len(good) + len(bad) + len(commands)} cases, {failed} failed")
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} | {".ci"}
    documents = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted((ROOT / "docs").glob("*.md"))]
    problems = []
    for document in documents:
        problems += check(document.relative_to(ROOT), document.read_text(), ROOT, folders)
        problems += check_commands(document.relative_to(ROOT), document.read_text(), ROOT)
    print("\n".join([*problems, f"{len(documents)} documents, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
