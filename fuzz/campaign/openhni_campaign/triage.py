# SPDX-License-Identifier: Apache-2.0
"""Triage: from a failing input to a finding folder.

findings/<target>/<key>/ holds
    input, input.2 ... input.5   the smallest inputs of the key
    input.script                 the smallest one as text, if the target runs scripts
    log, stack                   output of the sanitizer build, and its symbolised frames of this project
    replay                       the command that replays it
    finding.json                 verdict, key, count, first and last time, engines, and the builds in which it shows

The key consists of the oracle and its text, the first frames of this project outside the oracle, and, for oracles that
compare with a model, the input site, the operation and the last driver event that the target names. Numbers and line
numbers are not part of it.
"""
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time

KEEP = 5
FRAMES = 3
RUN_LIMIT = 90  # seconds
MIN_LIMIT = 60

FINDING = re.compile(r"^finding: ([a-z_-]+): (.*?) \((0x[0-9a-f]+), (0x[0-9a-f]+)\)", re.M)
CONTEXT = re.compile(r"^context: (.*)$", re.M)
CAUSES = (
    (re.compile(r"ERROR: (Address|Leak|Memory|Thread)Sanitizer: ([A-Za-z-]+)"), "{0}Sanitizer", 1),
    (re.compile(r"runtime error: ([^;\n]*)"), "UndefinedBehaviorSanitizer", 0),
    (re.compile(r"Assertion `(.*)' failed"), "assert", 0),
    (re.compile(r"libFuzzer: (timeout|out-of-memory)"), "libFuzzer", 0),
    (re.compile(r"libFuzzer: (deadly signal)"), "signal", 0),
)
FRAME = re.compile(r"^\s*#\d+ 0x[0-9a-f]+ in (.+?) (/\S[^\n]*?|\S+):(\d+)(?::\d+)?\s*$", re.M)
OWN = re.compile(r"(?:^|/)(driver|device|vfio_user|vhost_user|spec|trace|tools|fuzz)/(?:[\w.-]+/)*[\w.-]+$")
ORACLE = re.compile(r"/fuzz/(?:script|oracles|engine)/|/script/finding|\brequire\b")


class Verdict:
    """What one run said."""

    def __init__(self, text):
        self.oracle, self.what, self.numbers = "", "", ()
        if found := FINDING.search(text):
            self.oracle, self.what, self.numbers = found[1], found[2], (found[3], found[4])
        else:
            for pattern, oracle, group in CAUSES:
                if found := pattern.search(text):
                    self.oracle, self.what = oracle.format(*found.groups()), found.groups()[group]
                    break
        context = CONTEXT.search(text)
        self.context = context[1] if context else ""
        self.frames = own_frames(text)

    def __bool__(self):
        return bool(self.oracle)

    def summary(self):
        return f"{self.oracle}: {self.what}"

    def key(self):
        """Returns the name of the folder, which does not depend on numbers, lines and builds."""
        what = re.sub(r"0x[0-9a-f]+|\d+", "N", self.what)
        parts = [self.oracle, what, *[name for name, _ in self.frames[:FRAMES]], self.context]
        digest = hashlib.sha1("\n".join(parts).encode()).hexdigest()[:8]
        slug = re.sub(r"[^a-z0-9]+", "-", f"{self.oracle} {what}".lower()).strip("-")[:48].strip("-")
        return f"{slug}-{digest}"


def plain_name(function):
    """Returns a function's name without template arguments, parameters and numbers of lambdas."""
    name = re.sub(r"\(anonymous namespace\)::", "", function)
    name = re.sub(r"'lambda\d*'", "lambda", name)
    depth, kept = 0, []
    for letter in name:
        if letter in "<(":
            depth += 1
        elif letter in ">)":
            depth = max(0, depth - 1)
        elif depth == 0:
            kept.append(letter)
    return "".join(kept).replace(" const", "").split(" ")[-1].strip()


def own_frames(text):
    """Returns (function, file:line) of this project's frames, innermost first, without those of the oracle itself."""
    frames = []
    for function, file, line in FRAME.findall(text):
        file = os.path.normpath(file)  # compilers name files relative to the build
        if not OWN.search(file) or ORACLE.search(file) or ORACLE.search(function.split("(")[0]):
            continue
        frames.append((plain_name(function), f"{OWN.search(file)[0].lstrip('/')}:{line}"))
        if len(frames) == 12:
            break
    return frames


def symboliser():
    for name in ("llvm-symbolizer", *(f"llvm-symbolizer-{n}" for n in range(19, 13, -1))):
        if found := shutil.which(name):
            return found
    return None


class Triage:
    def __init__(self, places, log=print):
        self.places, self.log = places, log
        self.symbolizer = symboliser()
        self.known = {}  # (target, verdict before minimising) -> key
        if not self.symbolizer:
            log("no llvm-symbolizer: findings are told apart without their stacks: apt-get install llvm-14")

    def run(self, program, file, symbolize=True):
        """Returns the output of the program on that input, or None if it does not fail."""
        asan = f"symbolize={int(symbolize)}:detect_leaks=0:abort_on_error=1"
        if symbolize and self.symbolizer:
            asan += f":external_symbolizer_path={self.symbolizer}"
        environment = dict(os.environ, ASAN_OPTIONS=asan, UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:" + asan)
        options = [f"-timeout={RUN_LIMIT // 2}"] if program.is_relative_to(self.places.build) else []
        try:
            done = subprocess.run([program, *options, file], env=environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False, timeout=RUN_LIMIT, cwd=self.places.memory)
        except subprocess.TimeoutExpired:
            return "libFuzzer: timeout"
        return (done.stderr + done.stdout).decode(errors="replace") if done.returncode != 0 else None

    def judge(self, target, file):
        """Returns (verdict, log) of the sanitizer build; the verdict is false if the input does not fail there."""
        text = self.run(self.places.program(target), file)
        if text is None:
            return Verdict(""), ""
        verdict = Verdict(text)
        if not verdict:
            verdict.oracle, verdict.what = "exit", "the program ended for an unknown reason"
        return verdict, text

    def fingerprint(self, target, file):
        """Identifies a failure without symbols: the verdict without its numbers, and the addresses of the stack."""
        text = self.run(self.places.program(target), file, False) or ""
        verdict = Verdict(text)
        offsets = re.findall(r"^\s*#\d+ 0x[0-9a-f]+\s.*\+(0x[0-9a-f]+)\)", text, re.M)
        return (verdict.oracle, re.sub(r"0x[0-9a-f]+|\d+", "N", verdict.what), verdict.context, *offsets[:16])

    def minimise(self, target, file, verdict):
        """Returns the smallest input with that verdict: minimised by operations, or by libFuzzer's bytes without the tool."""
        small = self.places.memory / f"small.{target}"
        small.unlink(missing_ok=True)
        tool = self.places.tool()
        if tool:
            command = [tool, "min", target, file, small]
        else:
            command = [self.places.program(target, is_alias=True), "-minimize_crash=1", "-max_total_time=5",
                       f"-exact_artifact_path={small}", file]
        environment = dict(os.environ, ASAN_OPTIONS="symbolize=0:detect_leaks=0", UBSAN_OPTIONS="symbolize=0")
        try:
            subprocess.run([str(word) for word in command], env=environment, stdin=subprocess.DEVNULL,
                           capture_output=True, check=False, timeout=MIN_LIMIT, cwd=self.places.memory)
        except subprocess.TimeoutExpired:
            self.log(f"{target}: minimising took longer than {MIN_LIMIT} s: kept as it is")
        if not small.exists() or small.stat().st_size >= file.stat().st_size:
            return file, None, None
        again, text = self.judge(target, small)
        if again.summary() != verdict.summary():
            return file, None, None
        return small, again, text

    def take(self, target, file, engine, now=None):
        """Examines one failing input. Returns (key, is_new), or (None, False) if the sanitizer build runs it well and
        so does every other build."""
        now = now or time.time()
        work = self.places.memory / f"triage.{target}"  # a name without unusual characters
        shutil.copyfile(file, work)
        # A symboliser takes a second, so a failure that was seen before is recognised by its addresses.
        before = (target, self.fingerprint(target, work))
        key = self.known.get(before)
        if key and self.folder(target, key).is_dir() and not self.is_smaller(target, key, work):
            self.note(self.folder(target, key), engine, now)
            return key, False
        verdict, text = self.judge(target, work)
        if not verdict:
            return self.take_elsewhere(target, work, engine, now)
        small, small_verdict, small_text = self.minimise(target, work, verdict)
        if small_verdict:
            verdict, text = small_verdict, small_text
        key = self.known[before] = verdict.key()
        return key, self.keep(target, key, small, verdict, text, engine, now)

    def take_elsewhere(self, target, file, engine, now):
        for name, program in self.builds(target)[1:]:
            text = self.run(program, file)
            if text is not None:
                verdict = Verdict(text)
                if not verdict:
                    verdict.oracle, verdict.what = "exit", f"fails in the build '{name}' only"
                return verdict.key(), self.keep(target, verdict.key(), file, verdict, text, engine, now)
        return None, False

    def folder(self, target, key):
        here = self.places.folder / "findings" / target / key
        return here if here.is_dir() or self.places.has_room() else self.places.memory / "findings" / target / key

    def inputs(self, folder):
        return sorted((f for f in folder.glob("input*") if re.fullmatch(r"input(\.\d+)?", f.name)),
                      key=lambda f: f.stat().st_size)

    def is_smaller(self, target, key, file):
        kept = self.inputs(self.folder(target, key))
        return len(kept) < KEEP or file.stat().st_size < kept[0].stat().st_size

    def keep(self, target, key, file, verdict, text, engine, now):
        """Adds an input to a finding's folder; returns True if the finding is new."""
        folder = self.folder(target, key)
        is_new = not (folder / "finding.json").exists()
        folder.mkdir(parents=True, exist_ok=True)
        data = file.read_bytes()
        contents = [f.read_bytes() for f in self.inputs(folder)]
        smallest = not contents or len(data) < len(contents[0])
        if data not in contents:
            contents = sorted(contents + [data], key=len)[:KEEP]
            for n, content in enumerate(contents):
                (folder / ("input" if n == 0 else f"input.{n + 1}")).write_bytes(content)
        if smallest:
            self.describe(target, folder, verdict, text)
        self.note(folder, engine, now, target, key, verdict)
        return is_new

    def describe(self, target, folder, verdict, text):
        (folder / "log").write_text(text)
        (folder / "stack").write_text("".join(f"{name} {place}\n" for name, place in verdict.frames))
        tool = self.places.tool()
        program = tool if tool else self.places.program(target)
        words = [program, *(["replay"] if tool else []), folder if tool else folder / "input"]
        (folder / "replay").write_text(shlex.join(str(word) for word in words) + "\n")
        if tool:
            shown = subprocess.run([tool, "show", target, folder / "input"], capture_output=True, check=False)
            if shown.returncode == 0:
                (folder / "input.script").write_bytes(shown.stdout)

    def builds(self, target):
        """Returns (name, program) of every available build."""
        found = [("asan+ubsan", self.places.program(target))]
        if self.places.afl:
            found += [("afl asan+ubsan", self.places.afl / "fuzz" / f"fuzz_{target}"),
                      ("no sanitizer", self.places.afl / "fast" / "fuzz" / f"fuzz_{target}")]
        return [(name, program) for name, program in found if program.exists()]

    def note(self, folder, engine, now, target=None, key=None, verdict=None):
        file = folder / "finding.json"
        try:
            data = json.loads(file.read_text())
        except (OSError, ValueError):
            data = {"target": target, "key": key, "count": 0, "first": now, "engines": {}}
        if verdict:
            data.update(oracle=verdict.oracle, text=verdict.what, numbers=list(verdict.numbers),
                        context=verdict.context, stack=[f"{name} {place}" for name, place in verdict.frames])
            data["bytes"] = (folder / "input").stat().st_size
            if "builds" not in data:
                data["builds"] = {name: bool(self.run(program, folder / "input", False))
                                  for name, program in self.builds(data["target"])}
        data["count"] += 1
        data["last"] = now
        data["engines"][engine] = data["engines"].get(engine, 0) + 1
        write_atomically(file, json.dumps(data, indent=1) + "\n")


def write_atomically(file, text):
    fresh = file.with_name(f".{file.name}.new")
    try:
        fresh.write_text(text)
        os.replace(fresh, file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def load_findings(folder):
    """Returns all findings of a campaign folder, newest first."""
    found = []
    for file in (pathlib.Path(folder) / "findings").glob("*/*/finding.json"):
        try:
            found.append(json.loads(file.read_text()) | {"folder": str(file.parent)})
        except (OSError, ValueError):
            continue
    return sorted(found, key=lambda f: -f["first"])
