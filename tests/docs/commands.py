#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""commands.py HNI: every `hni ...` line that a document shows uses words that the command knows.

Reads the code blocks of the documents (indented by four blanks, or fenced), takes the lines that call hni, and
compares object, verb and options with what `hni OBJECT VERB --help` prints. Files that a `./`, `tests/` or `fuzz/`
line calls must exist. It does not run the lines.
"""
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").glob("*.md")),
             "proofs/README.md", "spec/README.md"]
CALL = re.compile(r"^(?:\$ |sudo )?(?:gdb --args )?(?:build/\w+/tools/)?hni (?P<words>.*)$")
SCRIPT = re.compile(r"^(?:\$ )?(?P<file>(?:\./|tests/|fuzz/|bench/|docs/|proofs/|\.ci/)[\w./-]+)")
GIVEN_BY_US = {"FILE", "DIR", "FOLDER"}


def code_lines(text):
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line.strip()


class Help:
    def __init__(self, hni):
        self.hni, self.texts = hni, {}

    def of(self, *words):
        if words not in self.texts:
            done = subprocess.run([self.hni, *words, "--help"], capture_output=True, text=True, check=False)
            self.texts[words] = done.stdout if done.returncode == 0 else None
        return self.texts[words]


def faults(help_texts, words):
    """Returns what is wrong with one call, or None."""
    if not words or words[0] == "help" or words[0].startswith("-"):
        return
    text = help_texts.of(words[0])
    if text is None:
        yield f"no object '{words[0]}'"
        return
    rest = words[1:]
    verbs = set(re.findall(r"^  ([a-z][a-z-]*)\b", text, re.M))
    if rest and re.fullmatch(r"[a-z][a-z|-]*", rest[0]) and verbs and words[0] in ("port", "spec", "fuzz", "trace"):
        for verb in rest[0].split("|"):
            if verb not in verbs:
                yield f"'hni {words[0]}' has no verb '{verb}'"
        text += help_texts.of(words[0], rest[0]) or ""
    for word in rest:
        if word == "--":
            return
        option = word.split("=")[0]
        if re.fullmatch(r"--[a-z][a-z0-9-]*", option) and option not in re.findall(r"--[a-z][a-z0-9-]*", text):
            yield f"'hni {words[0]}' has no option '{option}'"


def main():
    help_texts = Help(sys.argv[1])
    seen, bad = 0, 0
    for document in DOCUMENTS:
        for number, line in code_lines((ROOT / document).read_text()):
            found = []
            if call := CALL.match(line):
                seen += 1
                words = call["words"].split(" #")[0].split(" > ")[0].split(" &")[0].split(" | ")[0]
                try:
                    found = list(faults(help_texts, shlex.split(words)))
                except ValueError as error:
                    found = [str(error)]
            elif (script := SCRIPT.match(line)) and not (ROOT / script["file"]).exists():
                found = [f"no file '{script['file']}'"]
            for fault in found:
                bad += 1
                print(f"{document}:{number}: {fault}: {line}")
    if seen < 20:
        sys.exit(f"commands.py: only {seen} calls of hni in the documents: are they still code blocks?")
    print(f"{seen} calls of hni in {len(DOCUMENTS)} documents, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
