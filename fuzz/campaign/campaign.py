#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/campaign/campaign.py: `hni fuzz run`, a campaign of libFuzzer, and AFL++ where a build of it exists, over one
growing corpus a target.

Each of --jobs workers takes the target whose turn it is for a slice of time; what one engine found is the
other one's start. Stopped with Ctrl-C, or killed, a campaign goes on where it was: corpus, findings and
counts lie in --corpus. A worker that is killed is counted and its slice is over; on a full disk the
campaign goes on, keeps no new input until there is room, and puts findings into memory (/dev/shm).
Findings are told apart by oracle and place, made small, and printed with the line that replays them.

The risk that is shown is a Good-Turing estimate, singletons by executions: every new input counts as one
whose path was seen once, so it is an upper bound of the chance that the next input does something new.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST_FREE = 8 << 20  # bytes
CAUSES = (
    (re.compile(r"^finding: ([a-z_-]+: .*) \(0x", re.M), "{0}"),
    (re.compile(r"SUMMARY: AddressSanitizer: (\S+) \S*?([^/\s]+:\d+)"), "ASan {0} at {1}"),
    (re.compile(r"ERROR: AddressSanitizer: (\S+)"), "ASan {0}"),
    (re.compile(r"([^/\s]+:\d+):\d+: runtime error: ([^;\n]*)"), "UBSan {1} at {0}"),
    (re.compile(r"Assertion `(.*)' failed"), "assert {0}"),
    (re.compile(r"libFuzzer: (timeout|out-of-memory)"), "{0}"),
)


def cause_of(text):
    for pattern, form in CAUSES:
        if found := pattern.search(text):
            return form.format(*found.groups())
    return None


def arguments():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("--time", type=float, default=600, help="seconds (600)")
    parse.add_argument("--jobs", type=int, default=2, help="workers at the same time (2)")
    parse.add_argument("--slice", type=int, default=30, help="seconds that a worker stays with a target (30)")
    parse.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz", help="the libFuzzer build")
    parse.add_argument("--afl", type=pathlib.Path, default=ROOT / "build" / "afl", help="the AFL++ build, if any")
    parse.add_argument("--corpus", type=pathlib.Path, default=pathlib.Path("fuzz-corpus"))
    parse.add_argument("targets", nargs="*")
    options = parse.parse_args()
    if not options.targets:
        names = re.findall(r"^  X\((\w+)\)", (ROOT / "fuzz" / "script" / "target.hpp").read_text(), re.M)
        options.targets = [name for name in names if name not in ("canary", "empty")]
    for name in options.targets:
        if not (options.build / "fuzz" / f"fuzz_{name}").exists():
            parse.error(f"not built: {options.build}/fuzz/fuzz_{name}")
    return options


class Campaign:
    def __init__(self, options):
        self.options = options
        self.corpus = options.corpus.resolve()
        self.findings = self.corpus / "findings"
        self.findings.mkdir(parents=True, exist_ok=True)
        # What a full disk must not take: logs, which tell the counts and causes, and findings.
        shared = pathlib.Path("/dev/shm")
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="hni-fuzz-", dir=shared if shared.is_dir() else None))
        self.lock = threading.Lock()
        self.end = time.monotonic() + options.time
        self.turn = 0
        self.live = {}  # worker: (target, engine, runs a second, edges)
        self.children = {}
        self.state = {"runs": 0, "events": 0, "seconds": 0.0, "new": 0, "lost": 0, "found": {}, "edges": {}}
        try:
            self.state.update(json.loads((self.corpus / "state.json").read_text()))
            print(f"goes on after {self.state['runs']} runs")
        except (OSError, ValueError):
            pass
        self.last_new = self.last_find = time.monotonic()
        self.limit = self.measure_empty()
        for file in self.findings.glob("*.small"):
            file.unlink()
        for file in self.findings.glob("new.*"):  # of a campaign that was killed
            name = file.name.split(".")[1]
            program = options.build / "fuzz" / f"fuzz_{name}"
            if program.exists() and (cause := self.cause_again(program, file)):
                self.finding(name, cause, file, program)

    @staticmethod
    def cause_again(program, file):
        try:
            shown = subprocess.run([program, file], capture_output=True, text=True, errors="replace", check=False,
                                   timeout=120)
        except subprocess.TimeoutExpired:
            return "timeout"
        return cause_of(shown.stderr) if shown.returncode != 0 else None

    def measure_empty(self):
        """Runs a second of the harness that does nothing: what an engine can do at most."""
        program = self.options.build / "fuzz" / "fuzz_empty"
        if not program.exists():
            return 0
        done = subprocess.run([program, "-max_total_time=2", "-print_final_stats=1"], capture_output=True, text=True,
                              check=False)
        found = re.search(r"average_exec_per_sec: *(\d+)", done.stderr)
        return int(found.group(1)) if found else 0

    def has_room(self):
        return shutil.disk_usage(self.corpus).free > LEAST_FREE

    def save(self):
        fresh = self.corpus / "state.json.new"
        try:
            fresh.write_text(json.dumps(self.state))
            fresh.replace(self.corpus / "state.json")
        except OSError:  # a full disk: the next turn tries again
            fresh.unlink(missing_ok=True)

    def next_target(self):
        with self.lock:
            name = self.options.targets[self.turn % len(self.options.targets)]
            afl = self.options.afl / "fuzz" / f"fuzz_{name}"
            round_ = self.turn // len(self.options.targets)
            self.turn += 1
        return name, afl if round_ % 2 == 1 and afl.exists() and shutil.which("afl-fuzz") else None

    def work(self, number):
        while time.monotonic() < self.end - 1:
            name, afl = self.next_target()
            seconds = int(max(1, min(self.options.slice, self.end - time.monotonic())))
            try:
                if afl:
                    self.run_afl(number, name, afl, seconds)
                else:
                    self.run_libfuzzer(number, name, seconds)
            except OSError as error:
                print(f"\n{name}: {error}; goes on", flush=True)
                time.sleep(1)
            with self.lock:
                self.save()

    def watch(self, number, name, engine, command, log, limit, environment=None):
        """Runs one child to its end; meanwhile its log says how it does."""
        with open(log, "wb") as out:
            child = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
        self.children[number] = child
        give_up = time.monotonic() + limit
        while child.poll() is None:
            time.sleep(0.5)
            tail = log.read_bytes()[-2000:].decode(errors="replace")
            seen = re.findall(r"cov: (\d+).*exec/s: (\d+)", tail)
            with self.lock:
                self.live[number] = (name, engine, int(seen[-1][1]) if seen else 0, int(seen[-1][0]) if seen else 0)
            if time.monotonic() > give_up:
                os.killpg(child.pid, signal.SIGKILL)
        self.children.pop(number, None)
        return child.returncode

    def run_libfuzzer(self, number, name, seconds):
        mine = self.corpus / name
        log = self.memory / f"worker{number}.log"
        keep = self.has_room()
        place = self.findings if keep else self.memory
        artifacts = place / f"new.{name}.{number}."
        if keep:
            mine.mkdir(exist_ok=True)
            inputs = [mine, ROOT / "corpus" / name]
        else:  # inputs by name: libFuzzer writes what is new to the first folder
            files = [str(f) for folder in (ROOT / "corpus" / name, mine) if folder.exists() for f in folder.iterdir()]
            inputs = ["-seed_inputs=" + ",".join(files[:1000])]
        program = self.options.build / "fuzz" / f"fuzz_{name}"
        command = [program, f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1",
                   "-reload=0", f"-artifact_prefix={artifacts}"] + inputs
        if not keep:
            print(f"\ndisk full: {name} runs, nothing new is kept", flush=True)
        begin = time.monotonic()
        code = self.watch(number, name, "libFuzzer", command, log, 2 * seconds + 120)
        text = log.read_text(errors="replace")
        def number_of(key):
            found = re.search(rf"^stat::{key}: *(\d+)", text, re.M)
            return int(found.group(1)) if found else 0
        runs = number_of("number_of_executed_units") or max([int(n) for n in re.findall(r"^#(\d+)", text, re.M)] or [0])
        edges = max([int(n) for n in re.findall(r" cov: (\d+) ", text)] or [0])
        new = number_of("new_units_added")
        with self.lock:
            s = self.state
            s["runs"] += runs
            s["events"] += number_of("card_events")
            s["seconds"] += time.monotonic() - begin
            s["new"] += new
            s["edges"][name] = max(edges, s["edges"].get(name, 0))
            if new:
                self.last_new = time.monotonic()
        if code != 0:
            files = sorted(place.glob(f"new.{name}.{number}.*"))
            if files and (cause := cause_of(text)):
                for file in files:
                    self.finding(name, cause, file, program)
            else:
                with self.lock:
                    self.state["lost"] += 1
                print(f"\n{name}: worker ended with {code} and no finding; goes on", flush=True)

    def run_afl(self, number, name, afl, seconds):
        out = self.corpus / f"{name}.afl"
        log = self.memory / f"worker{number}.log"
        environment = dict(os.environ, AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_AUTORESUME="1", AFL_NO_AFFINITY="1",
                           AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_IMPORT_FIRST="1")
        dictionary = self.options.afl / "generated" / "openhni" / "spec" / "fbnic.dict"
        command = ["afl-fuzz", "-V", str(seconds), "-t", "10000", "-m", "none", "-i", ROOT / "corpus" / name, "-o", out,
                   "-F", self.corpus / name] + (["-x", dictionary] if dictionary.exists() else []) + [afl]
        if not self.has_room():
            return print(f"\ndisk full: {name} waits with AFL++", flush=True)
        (self.corpus / name).mkdir(exist_ok=True)
        self.watch(number, name, "AFL++", command, log, 2 * seconds + 120, environment)
        stats = out / "default" / "fuzzer_stats"
        if not stats.exists():
            return
        values = dict(re.findall(r"^(\w+)\s*: (.*)$", stats.read_text(), re.M))
        before = self.state.setdefault("afl", {}).get(name, 0)
        with self.lock:
            runs = int(values.get("execs_done", 0))
            self.state["runs"] += max(0, runs - before) if runs >= before else runs
            self.state["afl"][name] = runs
            self.state.setdefault("stability", {})[name] = values.get("stability", "?")
        if self.has_room():
            for file in (out / "default" / "queue").glob("id*"):
                to = self.corpus / name / re.sub(r"[^\w]", "-", file.name)
                if "+cov" in file.name and not to.exists():
                    shutil.copy(file, to)
        program = self.options.build / "fuzz" / f"fuzz_{name}"
        for file in (out / "default" / "crashes").glob("id*"):
            if cause := self.cause_again(program, file):
                copy = self.findings / f"new.{name}.{number}.afl"
                shutil.copy(file, copy)
                self.finding(name, cause, copy, program)

    def finding(self, name, cause, file, program):
        key = f"{name}: {cause}"
        with self.lock:
            known = key in self.state["found"]
            self.state["found"][key] = self.state["found"].get(key, 0) + 1
        if known:
            file.unlink()
            return
        self.last_find = time.monotonic()
        # Where it was found: in the corpus, or in memory while the disk is full.
        kept = file.parent / (name + "-" + re.sub(r"[^a-z0-9]+", "-", cause.lower())[:60].strip("-"))
        file.replace(kept)
        print(f"\nFINDING {key} ({kept.stat().st_size} bytes)\n  replay: {program} {kept}", flush=True)
        small = kept.with_suffix(".small")
        try:
            subprocess.run([program, "-minimize_crash=1", "-max_total_time=20", f"-exact_artifact_path={small}", kept],
                           capture_output=True, check=False, timeout=40)
        except subprocess.TimeoutExpired:
            pass
        # Smaller, and still the same finding.
        if small.exists() and self.cause_again(program, small) == cause:
            small.replace(kept)
            print(f"\n{kept.name}: {kept.stat().st_size} bytes now", flush=True)
        small.unlink(missing_ok=True)

    def tidy(self):
        """Findings that had to stay in memory move to the corpus if there is room now."""
        for log in self.memory.glob("worker*.log"):
            log.unlink()
        for file in self.memory.iterdir():
            try:
                shutil.copyfile(file, self.findings / file.name)
                file.unlink()
            except OSError as error:
                (self.findings / file.name).unlink(missing_ok=True)
                print(f"\n{file} stays there: {error}")
        if not any(self.memory.iterdir()):
            self.memory.rmdir()

    def line(self):
        s = self.state
        now = time.monotonic()
        rate = sum(v[2] for v in self.live.values())
        mean = s["runs"] / s["seconds"] if s["seconds"] else 0
        where = ", ".join(f"{n} {e} {r}/s" for n, e, r, _ in self.live.values())
        ratio = f"{rate / len(self.live) / self.limit:.4f} of empty" if self.limit and self.live else "?"
        return (f"{max(0, self.end - now):5.0f} s left | "
                f"{s['runs']} runs, {rate}/s now, {mean:.0f}/s a worker, {ratio} | "
                f"{s['events'] / s['seconds'] if s['seconds'] else 0:.0f} events/s a worker | "
                f"{sum(s['edges'].values())} edges, {s['new']} new, last {now - self.last_new:.0f} s ago | "
                f"{len(s['found'])} findings, last {now - self.last_find:.0f} s ago | "
                f"risk {s['new'] / s['runs'] if s['runs'] else 1:.1e} | {where}")

    def run(self):
        workers = [threading.Thread(target=self.work, args=(n,), daemon=True) for n in range(self.options.jobs)]
        for worker in workers:
            worker.start()
        terminal = sys.stdout.isatty()
        shown = 0.0
        try:
            while any(worker.is_alive() for worker in workers):
                time.sleep(0.5)
                if terminal or time.monotonic() - shown >= 10:
                    shown = time.monotonic()
                    with self.lock:
                        text = self.line()
                    columns = shutil.get_terminal_size().columns
                    print("\r" + text[:columns - 1].ljust(columns - 1) if terminal else text,
                          end="" if terminal else "\n", flush=True)
        except KeyboardInterrupt:
            self.end = 0
            for child in list(self.children.values()):
                child.send_signal(signal.SIGINT)
            for worker in workers:
                worker.join(10)
        self.save()
        self.tidy()
        print("\n" + self.line())
        for name, value in self.state.get("stability", {}).items():
            print(f"AFL++ stability of {name}: {value}")
        if self.state["lost"]:
            print(f"{self.state['lost']} slices were lost to workers that somebody killed")
        for key, times in self.state["found"].items():
            print(f"{times:4} x {key}")
        return 1 if self.state["found"] else 0


if __name__ == "__main__":
    sys.exit(Campaign(arguments()).run())
