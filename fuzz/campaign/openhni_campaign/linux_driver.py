# SPDX-License-Identifier: Apache-2.0
"""`hni fuzz run linux`: fault scripts against Linux's own driver.

Each script runs in its own User Mode Linux (`hni linux --gcov --time-travel`), whose driver is compiled with gcov: the
counters of its arcs are the feedback. A script that takes a new arc, or one more often by an order of magnitude, is
kept in corpus/linux. What the kernel reports (KASAN, UBSAN, a warning, an oops, a panic, a guest that does not end)
is stored in a folder below findings/linux, minimised operation by operation. The first line of a script,
`# moment: N`, names the part of fuzz/campaign/linux_life in which injection begins.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shlex
import shutil
import struct
import subprocess
import tempfile
import time

from .places import ROOT
from .state import State
from .triage import KEEP, write_atomically

LIFE = ROOT / "fuzz" / "campaign" / "linux_life"
MINIMISE_RUNS = 12
SEEDS = 24  # scripts of the `port` target whose operations are used
CLASSES = range(16)
EDGES = (0, 1, 2, 0x7f, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff, 0xffffffff)
REPORT = re.compile(r"(KASAN: [\w-]+|UBSAN: [^\n]*?(?= in )|BUG: (?!KASAN)[^\n]*|WARNING: [^\n]*|"
                    r"Kernel panic[^\n]*|INFO: task)")
DRIVER = re.compile(r"\b(fbnic_\w+)\+0x")
FAULTED = re.compile(r"RIP: \w+:(fbnic_\w+)\+0x")


class Run:
    """The result of one script."""

    def __init__(self, features, report, log):
        self.features, self.report, self.log = features, report, log

    def key(self):
        slug = re.sub(r"[^a-z0-9]+", "-", self.report.lower()).strip("-")[:60].strip("-")
        return f"{slug}-{hashlib.sha1(self.report.encode()).hexdigest()[:8]}"


def gcda_features(file):
    """Returns (file, function, arc, order of magnitude) of each arc that was taken, from a file of gcov's counters."""
    data = file.read_bytes()
    words = struct.unpack(f"<{len(data) // 4}I", data[:len(data) // 4 * 4])
    letter, digit = chr(words[1] >> 24), chr(words[1] >> 16 & 255)
    major = (ord(letter) - ord("A")) * 10 + int(digit)  # 'B2': gcc 12, from which on lengths are in bytes
    at, function, found = 4 if major >= 12 else 3, 0, set()
    while at + 1 < len(words) and words[at]:
        tag, length = words[at], struct.unpack("<i", struct.pack("<I", words[at + 1]))[0]
        size = 0 if length < 0 else length // 4 if major >= 12 else length
        body = words[at + 2:at + 2 + size]
        if tag == 0x01000000 and body:
            function = body[0]
        elif tag == 0x01A10000:
            for arc in range(0, len(body) - 1, 2):
                count = body[arc] | body[arc + 1] << 32
                if count:
                    found.add((file.name, function, arc, min(count.bit_length(), 12)))
        at += 2 + size
    return found


def report_of(log):
    """Returns the first report of a kernel's log, without numbers, with the driver's function that faulted or called."""
    found = REPORT.search(log)
    if not found:
        return ""
    where = FAULTED.search(log) or DRIVER.search(log, found.start())
    what = re.sub(r"0x[0-9a-f]+|\d+", "N", found[0])
    return what + (f" in {where[1]}" if where else "")


class Mutator:
    """Changes scripts by operations: their names and arguments come from the corpus, values also from edge cases."""

    def __init__(self, scripts, sites, seed):
        self.random, self.sites = random.Random(seed), sites
        self.lines = sorted({line for text in scripts for line in text.splitlines() if line and line[0] != "#"})

    def fault(self):
        pick = self.random.choice
        count = pick(CLASSES) | pick((0, 0, 1, 3, 15, 63)) << 8
        return f"fault site={pick(self.sites)} class_count={count} value={pick(EDGES):#x}"

    def change(self, line):
        """Changes one argument."""
        words = line.split()
        places = [n for n, word in enumerate(words) if "=" in word]
        if not places:
            return line
        at = self.random.choice(places)
        name, value = words[at].split("=", 1)
        if name == "site":
            value = self.random.choice(self.sites)
        elif re.fullmatch(r"0x[0-9a-f]+|\d+", value):
            number = int(value, 0)
            number = self.random.choice((number ^ 1 << self.random.randrange(12), number + 1, max(number - 1, 0),
                                         self.random.choice(EDGES), self.random.randrange(256)))
            value = str(number & 0xffffffff)
        words[at] = f"{name}={value}"
        return " ".join(words)

    def mutate(self, text, other):
        """Returns a changed script."""
        head = re.match(r"# moment: (\d)", text)
        moment = int(head[1]) if head else 0
        lines = [line for line in text.splitlines() if line and line[0] != "#"]
        for _ in range(self.random.choice((1, 1, 2, 4))):
            kind = self.random.randrange(7)
            at = self.random.randrange(len(lines) + 1)
            if kind == 0:
                lines.insert(at, self.fault())
            elif kind == 1 and self.lines:
                lines.insert(at, self.random.choice(self.lines))
            elif kind == 2 and len(lines) > 1:
                del lines[min(at, len(lines) - 1)]
            elif kind == 3:
                moment = self.random.randrange(5)
            elif kind == 4:
                lines[at:] = [line for line in other.splitlines() if line and line[0] != "#"][-8:]
            elif lines:
                at = min(at, len(lines) - 1)
                lines[at] = self.change(lines[at])
        return f"# moment: {moment}\n" + "".join(line + "\n" for line in lines[:40] or [self.fault()])


class LinuxCampaign:
    def __init__(self, options, places):
        self.options, self.places = options, places
        self.state = State(places, options.host)
        self.engine = self.state.engine("linux/uml")
        self.target = self.state.target("linux")
        self.seen, self.corpus, self.cpu = set(), [], 0.0
        self.hni = os.environ.get("HNI") or self.neighbour() or shutil.which("hni")
        if not self.hni or not os.access(self.hni, os.X_OK):
            raise SystemExit(f"hni fuzz: no program '{self.hni or 'hni'}': build the targets hni and hni-linux, "
                             "or name it with HNI=FILE")

    @staticmethod
    def neighbour():
        """Returns the program of a build in this tree."""
        tools = (ROOT / "build" / build / "tools" / "hni" for build in ("release", "debug"))
        return next((str(tool) for tool in tools if tool.exists()), None)

    def say(self, text):
        line = f"{time.strftime('%H:%M:%S')} {text}"
        print(line, flush=True)
        with (self.places.folder / "log").open("a") as log:
            log.write(line + "\n")

    def command(self, script, moment, log, keep=None):
        kernel = self.options.kernel
        return [self.hni, "linux", "--kernel", kernel, "--gcov", "--time-travel", "--no-up", "--quiet",
                "--timeout", "60",
                "--firmware-delay", "10000" if kernel == "6.12" else "0", "--append", "kasan_multi_shot",
                "--script", str(script), "--script-at", str(moment), "--log", str(log),
                *(["--keep", str(keep)] if keep else [])]

    def play(self, text):
        """Runs one script in its kernel."""
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.places.memory) as name:
            folder = pathlib.Path(name)
            script, log, keep = folder / "input.script", folder / "kernel.log", folder / "keep"
            script.write_text(text)
            line = self.command(script, re.match(r"# moment: (\d)", text)[1], log, keep)
            done = subprocess.run([*line, "--exec", LIFE.read_text()], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", check=False)
            if not log.exists():
                raise SystemExit(f"hni fuzz: no kernel was booted: {done.stderr.strip() or done.returncode}")
            kernel_log = log.read_text(errors="replace")
            features = set().union(*map(gcda_features, keep.glob("*.gcda")))
            report = report_of(kernel_log)
            if not report and "did not end within" in done.stderr:
                report = "hang: the guest did not end"
            return Run(features, report, kernel_log + done.stderr)

    def take(self, text, run):
        """Counts a finished run, and keeps the script if it did something new."""
        self.engine["runs"] += 1
        if run.report:
            self.found(text, run)
        fresh = run.features - self.seen
        self.seen |= run.features
        self.engine["edges"] = len({feature[:3] for feature in self.seen})
        if fresh:
            self.corpus.append(text)
            if self.places.add_input("linux", text.encode()):
                self.target["new"] += 1
                self.target["last_new"] = self.state.elapsed()

    def found(self, text, run):
        folder = self.places.folder / "findings" / "linux" / run.key()
        is_new = not (folder / "finding.json").exists()
        if is_new:
            text, run = self.minimise(text, run)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "input.script").write_text(text)
            (folder / "log").write_text(run.log)
            (folder / "replay").write_text(self.replay(folder, text))
            self.target["findings"] += 1
            self.target["last_finding"] = self.state.elapsed()
            self.say(f"linux: new finding: {run.report}: {folder}")
        inputs = sorted(folder.glob("input*"))
        if len(inputs) < KEEP and all(file.read_text() != text for file in inputs):
            (folder / f"input.{len(inputs) + 1}").write_text(text)
        self.note(folder, run)

    def replay(self, folder, text):
        moment = re.match(r"# moment: (\d)", text)[1]
        words = self.command(folder / "input.script", moment, "/dev/stderr")
        return shlex.join(words) + f' --exec "$(cat {shlex.quote(str(LIFE))})"\n'

    def note(self, folder, run):
        file, now = folder / "finding.json", time.time()
        try:
            data = json.loads(file.read_text())
        except (OSError, ValueError):
            data = {"target": "linux", "key": run.key(), "oracle": "kernel", "text": run.report, "count": 0,
                    "first": now, "engines": {"uml": 0}, "numbers": [], "context": "", "stack": [], "builds": {"kasan+gcov": True},
                    "bytes": (folder / "input.script").stat().st_size}
        data["count"] += 1
        data["engines"]["uml"] += 1
        data["last"] = now
        write_atomically(file, json.dumps(data, indent=1) + "\n")

    def minimise(self, text, run):
        """Removes operations while the report stays the same."""
        head, *lines = text.splitlines()
        left, at = MINIMISE_RUNS, len(lines)
        while at > 0 and left > 0 and len(lines) > 1:
            at -= 1
            fewer = lines[:at] + lines[at + 1:]
            attempt = "\n".join([head, *fewer]) + "\n"
            left -= 1
            again = self.play(attempt)
            self.engine["runs"] += 1
            if again.report == run.report:
                lines, run, text = fewer, again, attempt
        return text, run

    def seeds(self):
        """Returns the scripts to start from: those of an earlier session, or one fault of each site."""
        kept = sorted((self.places.folder / "corpus" / "linux").glob("*"))
        if kept:
            return [file.read_text() for file in kept]
        return [f"# moment: 2\nfault site={site} class_count=258 value=0x0\n" for site in self.sites()]

    @staticmethod
    def sites():
        file = ROOT / "driver" / "core" / "input_sites.hpp"
        if not file.exists():
            raise SystemExit(f"hni fuzz: no '{file}': the target 'linux' needs the source tree")
        text = file.read_text()
        return re.findall(r'^  X\(\d+, \w+, "(\w+)"', text, re.M)

    def port_scripts(self):
        """Returns some scripts of the `port` target as text; without its tool only faults are mutated."""
        tools = (ROOT / "build" / build / "libexec/openhni/hni-fuzz" for build in ("release", "debug", "fuzz"))
        tool = next((tool for tool in tools if tool.exists()), None)
        files = sorted((self.places.seeds / "port").glob("*"))
        if not tool or not files:
            return []
        chosen = random.Random(1).sample(files, min(SEEDS, len(files)))
        return [subprocess.run([tool, "show", "port", file], capture_output=True, text=True, check=False).stdout
                for file in chosen]

    def scripts(self, mutator, waiting):
        """Generates the scripts to play: the seeds first, then mutations."""
        yield from waiting
        while True:
            pool = self.corpus or waiting
            yield mutator.mutate(mutator.random.choice(pool), mutator.random.choice(pool))

    def run(self):
        (self.places.folder / "corpus" / "linux").mkdir(parents=True, exist_ok=True)
        waiting = self.seeds()
        mutator = Mutator(self.port_scripts(), self.sites(), self.engine["runs"])
        source = self.scripts(mutator, waiting)
        began, before = time.monotonic(), cpu_seconds()
        seconds = self.engine["seconds"]
        self.engine["starts"] += 1
        self.say(f"linux: {len(waiting)} scripts to start from, kernel {self.options.kernel}, "
                 f"{self.options.jobs} at a time")
        try:
            self.play_all(source, began, seconds)
        except KeyboardInterrupt:
            self.say("linux: interrupted")
        self.cpu = cpu_seconds() - before
        self.engine["seconds"] = seconds + (time.monotonic() - began) * self.options.jobs
        self.update("finished")
        total = self.state.total
        self.say(f"linux: {self.engine['runs']} runs, {self.cpu:.0f} CPU seconds in this session, "
                 f"{self.engine['edges']} arcs, "
                 f"{total['corpus']} inputs, {total['findings']} findings")
        self.places.close()
        return 1 if total["findings"] else 0

    def play_all(self, source, began, seconds):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            running = {}
            while running or time.monotonic() - began < self.options.time:
                while len(running) < self.options.jobs and time.monotonic() - began < self.options.time:
                    text = next(source)
                    running[pool.submit(self.play, text)] = text
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for one in done:
                    self.take(running.pop(one), one.result())
                self.engine["seconds"] = seconds + (time.monotonic() - began) * self.options.jobs
                self.update("running")

    def update(self, state):
        folder = self.places.folder
        sizes = {"linux": sum(1 for _ in (folder / "corpus" / "linux").iterdir())}
        self.state.update([], sizes, {"linux": sum(1 for _ in (folder / "findings").glob("linux/*/finding.json"))})
        self.state.save(state)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
