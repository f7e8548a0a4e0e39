#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""blocks.py: runs the command blocks of README.md, CONTRIBUTING.md, docs/*.md and */README.md.

    tests/docs/blocks.py BUILD                  runs every block that needs no more than none, root or bpf
    tests/docs/blocks.py BUILD --needs bpf      runs those that need bpf; `none,root`: those that need no more than these
    tests/docs/blocks.py BUILD --all            runs the long ones and those that need a guest, too
    tests/docs/blocks.py BUILD FILE[:LINE]...   runs the blocks of a document, or the block around a line
    tests/docs/blocks.py --list                 shows the blocks and their marks
    tests/docs/blocks.py --self-test            checks that wrong marks and wrong output are refused

BUILD is a folder with a built tree. A block is indented by four blanks after an empty line, or fenced. Each has a mark
before it, a comment that is not rendered:

    <!-- block: NEEDS; KEY: VALUE; ... -->

NEEDS is a list of `none`, `root` (with network namespaces), `bpf`, `guest`, `long` (builds, or takes minutes), `text` (not
commands), `elsewhere REASON` (no test machine can run it: only its syntax is checked). Keys:

    beside: COMMAND    runs while the block does; the block begins when `links up` is in its output
    until: REGEX       each command of the block runs by itself, and is interrupted (Ctrl-C) once this is in its output,
                       unless it ended before; one that ends with & goes on beside the commands after it
    given: A=B C=D     what the words A and C of the block stand for; $beside is the process of `beside`
    uses: PROGRAM...   programs without which the block is left out
    status: N          the exit status of the block, where it is not 0

Commands are lines that begin with `$ `, and the other lines of such a block are what the last command prints (`...`: any
lines; numbers and blanks may differ). Where no line begins so, all lines are commands. `(gdb) ` lines are given to the gdb
command before them. Blocks run in a folder of their own that shows the source tree and has BUILD as build/debug and
build/release; those that are long run in a clone of HEAD. Exit status 77: all blocks had to be left out.
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDS = ("none", "root", "bpf", "guest", "long", "text", "elsewhere")
KEYS = ("beside", "until", "given", "uses", "status")
GDB_ERROR = re.compile(r"^(No (symbol|frame|function|source)|Function \".*\" not defined|Cannot |There is no |The program is not being).*", re.M)
SHORT_S, LONG_S = 240, 4 * 3600
MARK = re.compile(r"<!-- block: (.*?) *-->", re.S)
COMMAND = re.compile(r"(\$ |hni |\./|cmake |ctest |apt-get |gdb |(tests|fuzz|bench|proofs|tools|docs|\.ci|build)/[\w/.-]+( |$))")


class Refused(Exception):
    """Raised for an error of a document: a block without a mark, or an unknown mark."""


class Block:
    def __init__(self, document, line, mark, lines):
        self.where, self.lines = f"{document}:{line}", lines
        self.document, self.first, self.last = document, line, line + len(lines)
        if mark is None:
            raise Refused(f"{self.where}: a block without a mark: put `<!-- block: NEEDS -->` before it")
        needs, *pairs = [part.strip() for part in re.split(r";\s", mark)]
        self.reason = needs.partition(" ")[2] if needs.startswith("elsewhere") else ""
        self.needs = {"elsewhere"} if self.reason else set(re.split(r"[ ,]+", needs))
        self.keys = dict(re.split(r":\s+", pair, maxsplit=1) for pair in pairs if ": " in pair)
        unknown = [w for w in self.needs if w not in NEEDS] + [k for k in self.keys if k not in KEYS]
        if unknown or len(self.keys) != len(pairs):
            raise Refused(f"{self.where}: unknown words in the mark: {', '.join(unknown) or mark}")
        if "elsewhere" in self.needs and not self.reason:
            raise Refused(f"{self.where}: `elsewhere` needs a reason")
        if "text" in self.needs and any(COMMAND.match(line) for line in lines):
            raise Refused(f"{self.where}: marked as text, and has commands")

    def commands(self):
        """Returns [(command, expected lines or None)]."""
        found, console = [], any(line.startswith("$ ") for line in self.lines)
        continued = False
        for line in self.lines:
            if line.startswith("(gdb) ") and found:
                words = shlex.quote(re.sub(r"\s{2,}#.*", "", line[6:]))
                found[-1][0] = re.sub(r"( --args .*|)$", lambda m, w=words: f" -ex {w}{m[1]}", found[-1][0], count=1)
            elif continued:
                found[-1][0] += "\n" + line
            elif console and found and not line.startswith("$ "):
                found[-1][1].append(line)
            elif line.strip() and not line.startswith("#"):
                found.append([line.removeprefix("$ "), []])
            continued = line.endswith("\\")
        return [(self.replace(command), expected or None) for command, expected in found]

    def replace(self, command):
        command = re.sub(r" \[(?:--[a-z]+ ?)?[A-Z]*(?:\.\.\.)?\](?= |$)", "", command)  # optional arguments
        for pair in shlex.split(self.keys.get("given", "")):
            word, _, value = pair.partition("=")
            command = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", lambda _, v=value: v, command)
        return re.sub(r"^gdb (?!-batch)", "gdb -q -batch -nx ", command)


def blocks_of(document, text):
    lines = text.splitlines()
    found, mark, i = [], None, 0
    while i < len(lines):
        line = lines[i]
        if line.startswith("<!-- block:"):
            begin = i
            while "-->" not in lines[i]:
                i += 1
            match = MARK.fullmatch(" ".join(part.strip() for part in lines[begin:i + 1]))
            if not match or mark is not None:
                raise Refused(f"{document}:{begin + 1}: this mark has no form, or no block")
            mark = match[1]
        elif line.startswith("```") or (line.startswith("    ") and line.strip() and (i == 0 or not lines[i - 1].strip())):
            begin, body = i + 1, []
            if line.startswith("```"):
                i += 1
                while not lines[i].startswith("```"):
                    body.append(lines[i])
                    i += 1
            else:
                while i < len(lines) and (lines[i].startswith("    ") or (not lines[i].strip() and i + 1 < len(lines)
                                                                           and lines[i + 1].startswith("    "))):
                    body.append(lines[i][4:])
                    i += 1
                i -= 1
            found.append(Block(document, begin, mark, body))
            mark = None
        elif line.strip() and mark is not None and not line.startswith("<!--"):
            raise Refused(f"{document}:{i + 1}: a mark without a block")
        i += 1
    return found


def form(line):
    """Normalises output for a comparison: numbers become 0, runs of blanks one blank."""
    return re.sub(r"\s+", " ", re.sub(r"0x[0-9a-f]+|\d+(?:[.,]\d+)*", "0", line)).strip()


def differs(expected, printed):
    """Returns the first line of `expected` that is missing in `printed` at its position, or None."""
    lines, at, anywhere = [form(line) for line in printed.splitlines() if line.strip()], 0, False
    for line in (form(line) for line in expected if line.strip()):
        if line == "...":
            anywhere = True
            continue
        places = range(at, len(lines)) if anywhere else range(at, min(at + 1, len(lines)))
        place = next((n for n in places if lines[n] == line), None)
        if place is None:
            return line
        at, anywhere = place + 1, False
    return None if anywhere or at == len(lines) or not expected else f"end of output, not '{lines[at]}'"


class Runner:
    def __init__(self, build):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="blocks-"))
        self.build, self.clone = build.resolve(), None
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700)
        tools = self.build / "tools"
        self.environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}", XDG_RUNTIME_DIR=str(runtime), PAGER="cat")

    def place(self, block):
        if "long" in block.needs:
            if self.clone is None:
                self.clone = self.folder / "clone"
                subprocess.run(["git", "clone", "-q", str(ROOT), str(self.clone)], check=True)
            return self.clone
        place = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        for entry in ROOT.iterdir():
            if entry.name not in ("build", ".git"):
                (place / entry.name).symlink_to(entry)
        (place / "build").mkdir()
        for preset in ("debug", "release", "asan"):
            (place / "build" / preset).symlink_to(self.build)
        return place

    def start(self, script, block, place, output):
        line = ["bash", "-c", script]
        if "root" in block.needs:  # in a separate network namespace
            line = ["unshare", "--net", "--mount", "bash", "-c", 'ip link set lo up && exec bash -c "$1"', "bash", script]
        return subprocess.Popen(line, cwd=place, env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, start_new_session=True)

    @staticmethod
    def end(process, how=signal.SIGINT):
        for number in (how, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(60)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        return process.wait()

    def wait(self, process, path, until, limit):
        """Waits until the process ends or `until` is in its output."""
        end = time.monotonic() + limit
        while process.poll() is None:
            if until and re.search(until, path.read_text(errors="replace")):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return until is None or bool(re.search(until, path.read_text(errors="replace")))

    def run(self, block):
        """Returns what is wrong, or None."""
        place = self.place(block)
        limit = LONG_S if "long" in block.needs else SHORT_S
        commands = block.commands()
        beside, left = None, []
        if "beside" in block.keys:
            path = place / "beside.out"
            with path.open("w") as output:
                beside = self.start(block.keys["beside"], block, place, output)
            if not self.wait(beside, path, "links up", limit):
                self.end(beside)
                return f"`{block.keys['beside']}` does not come up: {path.read_text()}"
            commands = [(c.replace("$beside", str(beside.pid)), e) for c, e in commands]
        try:
            if "until" in block.keys:
                for command, expected in commands:
                    if wrong := self.one(block, place, command, expected, block.keys["until"], limit, left):
                        return f"{command}\n{wrong}"
                return None
            # One shell for all lines, as at a terminal; what it starts in the background ends with it.
            script = "trap 'jobs -p | xargs -r kill; wait' EXIT\n"
            for number, (command, _) in enumerate(commands):
                script += f"echo $'\\x1e'{number}\n{command}\nstatus=$?; [ $status = 0 ] || exit $status\n"
            return self.one(block, place, script, None, None, limit, left, commands)
        finally:
            for process in left:
                self.end(process)
            if beside:
                self.end(beside)

    def one(self, block, place, script, expected, until, limit, left, commands=()):
        path = place / f"block.{len(left)}.out"
        goes_on = until and re.search(r"&(\s+#.*)?$", script)
        if goes_on:
            script = script[:goes_on.start()]
        with path.open("w") as output:
            process = self.start(script, block, place, output)
        reached = self.wait(process, path, until, limit)
        ended = process.poll() is not None
        if goes_on and reached and not ended:
            left.append(process)
            return None
        status = process.wait() if ended else self.end(process)
        printed = path.read_text(errors="replace")
        shown = re.sub("\x1e", "-- line ", printed)
        if not reached and not (ended and until and not goes_on):
            return f"{'no ' + until if ended and until else 'did not end'}, status {status}:\n{shown}"
        if status != int(block.keys.get("status", 0)):
            return f"status {status}:\n{shown}"
        if commands and f"\x1e{len(commands) - 1}\n" not in printed:
            return f"ended before its last line:\n{shown}"
        if wrong := GDB_ERROR.search(printed) if any("-batch" in command for command, _ in commands) else None:
            return f"gdb does not find what the text names: {wrong[0]}\n{shown}"
        parts = [(expected, printed)] if expected else []
        pieces = dict(re.findall(r"^\x1e(\d+)\n(.*?)(?=^\x1e|\Z)", printed, re.S | re.M))
        parts += [(lines, pieces.get(str(n), "")) for n, (_, lines) in enumerate(commands) if lines]
        for lines, text in parts:
            if (line := differs(lines, text)) is not None:
                return f"the text shows '{line}', and printed was:\n{text}"
        return None

    def missing(self, block):
        """Returns why this machine cannot run the block, or None."""
        for program in block.keys.get("uses", "").split():
            if not shutil.which(program):
                return f"no {program} here"
        if block.needs & {"root", "bpf", "guest"}:
            if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"], check=False, stderr=subprocess.DEVNULL).returncode:
                return "no root, or no network namespaces"
        if "bpf" in block.needs:
            can = subprocess.run(["bpftrace", "-e", "BEGIN { exit() }"], check=False, capture_output=True) if shutil.which("bpftrace") else None
            if can is None or can.returncode:
                return "no bpftrace, or this machine does not allow BPF"
        return None


def all_blocks():
    documents = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*/README.md"))]
    return [block for path in documents for block in blocks_of(path.relative_to(ROOT).as_posix(), path.read_text())]


def chosen(block, options):
    if options.documents:
        return any(block.document == name.split(":")[0] and (":" not in name or block.first <= int(name.split(":")[1]) <= block.last)
                   for name in options.documents)
    if options.needs:
        needs = set(options.needs.split(","))
        return bool(block.needs & needs) and block.needs <= needs
    return options.all or not block.needs & {"long", "guest"}


def run_all(options):
    runner, counts, bad = Runner(options.build), {"ran": 0, "left out": 0, "syntax only": 0, "text": 0, "not asked for": 0}, 0
    try:
        for block in all_blocks():
            if "text" in block.needs:
                counts["text"] += 1
                continue
            syntax = subprocess.run(["bash", "-n"], input="\n".join(c for c, _ in block.commands()), text=True,
                                    capture_output=True, check=False)
            wrong = syntax.stderr if syntax.returncode else None
            if wrong is None and "elsewhere" in block.needs:
                counts["syntax only"] += 1
            elif wrong is None and not chosen(block, options):
                counts["not asked for"] += 1
            elif wrong is None and (reason := runner.missing(block)):
                counts["left out"] += 1
                print(f"{block.where}: left out: {reason}")
            elif wrong is None:
                begin = time.monotonic()
                wrong = runner.run(block)
                counts["ran"] += 1
                print(f"{block.where}: {'FAILED' if wrong else 'ok'}, {time.monotonic() - begin:.1f} s", flush=True)
            if wrong:
                bad += 1
                print(f"{block.where}: {wrong}")
    finally:
        shutil.rmtree(runner.folder, ignore_errors=True)
    print(", ".join(f"{n} {what}" for what, n in counts.items()) + f"; {bad} failed")
    return 1 if bad else 77 if counts["ran"] == 0 else 0


def self_test():
    refused = ["    ls", "<!-- block: sometimes -->\n\n    ls", "<!-- block: text -->\n\n    hni spec find PAUSE", "<!-- block: none -->\n\nno block",
               "<!-- block: elsewhere -->\n\n    ls", "<!-- block: none; when: never -->\n\n    ls", "<!-- block: none -->\n<!-- block: none -->\n\n    ls"]
    for text in refused:
        try:
            blocks_of("test.md", text)
        except Refused:
            continue
        sys.exit(f"not refused: {text}")
    runs = [("none", "true", True), ("none", "false", False), ("none", "false\n    true", False), ("none; status: 3", "exit 3", True),
            ("none", "$ echo 12 ms\n    7 ms", True), ("none", "$ echo 12 ms\n    12 s", False), ("none", "$ seq 9\n    1\n    ...", True),
            ("none", "$ echo a; echo b\n    a", False), ("none", "$ echo a; echo b\n    ...\n    b", True),
            ("none; until: begun", "echo begun; trap 'exit 0' INT; while :; do sleep 0.1; done", True), ("none; until: never", "exit 3", False),
            ("none; until: begun", "while echo begun; do sleep 0.1; done &\n    true", True),
            ("none; given: FILE='two words'", "test FILE = 'two words'", False), ("none; given: FILE=here [A]=", "test FILE = here", True),
            ("none", "sleep 1000 &\n    true", True)]
    runner = Runner(pathlib.Path("."))
    try:
        for mark, commands, good in runs:
            wrong = runner.run(*blocks_of("test.md", f"<!-- block: {mark} -->\n\n    {commands}"))
            if (wrong is None) != good:
                sys.exit(f"{mark}: {commands}: {wrong}")
    finally:
        shutil.rmtree(runner.folder, ignore_errors=True)
    print(f"{len(refused)} wrong marks refused, {len(runs)} blocks judged")
    return 0


def hide_other_runs():
    """Enters a new mount namespace, because all runs of root share one folder and the blocks must only see their own."""
    if os.geteuid() != 0 or "HNI_BLOCKS_HIDDEN" in os.environ:
        return
    if subprocess.run(["unshare", "--mount", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        hide = 'mkdir -p -m 700 /run/hni && mount -t tmpfs -o mode=700 tmpfs /run/hni && exec "$@"'
        os.environ["HNI_BLOCKS_HIDDEN"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "sh", "-c", hide, "sh", sys.executable, "-B", *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=pathlib.Path)
    parser.add_argument("documents", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--needs")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    try:
        if options.list:
            for block in all_blocks():
                print(f"{block.where:<28} {' '.join(sorted(block.needs))} {block.reason}")
            return 0
        if options.build is None or not (options.build / "tools" / "hni").exists():
            parser.error("BUILD is needed: a folder with a built tree")
        hide_other_runs()
        return run_all(options)
    except Refused as fault:
        print(fault)
        return 1


if __name__ == "__main__":
    sys.exit(main())
