# SPDX-License-Identifier: Apache-2.0
"""Runs a campaign: starts and monitors engines, collects their findings, and updates status.json.

With fewer processors than engines the pairs of target and engine take turns of --turn seconds; with enough of them
each runs for as long as the campaign does, and is restarted every half hour so that it imports what the others found.
"""
import collections
import fcntl
import os
import queue
import shutil
import signal
import sys
import threading
import time

from . import engines as engine_kinds
from .display import Display
from .state import State
from .triage import Triage, load_findings

LEAST_TURN, LONGEST_TURN, RESTART = 20, 600, 1800  # seconds
GRACE = 10  # seconds between the request to terminate and SIGKILL
MOST_INCOMING = 200  # failing inputs per target that wait for triage
LONGEST_BACK_OFF = 300


class Campaign:
    def __init__(self, options, places, out=sys.stdout):
        self.options, self.places = options, places
        self.display = Display(out)
        self.file = places.folder / "log"
        self.state = State(places, options.host)
        self.triage = Triage(places, self.say)
        self.jobs = queue.Queue()
        self.waiting = set()
        self.running = []  # list of engines per turn
        self.end = time.monotonic() + options.time
        self.stop_reason = None
        self.interrupted = 0
        self.blocked = {}  # files of AFL++'s folders that were already examined
        self.seen = collections.defaultdict(set)  # files of AFL++'s folders that were already examined
        self.low = False
        self.findings = self.count_findings()
        self.units = self.plan()
        self.turns = collections.Counter()

    # --- what to run

    def plan(self):
        """Returns (target, kind, width, seconds) in the order of their turns: all engines of one kind first."""
        options = self.options
        pairs = [(target, kind) for kind in ("libfuzzer", "afl", "honggfuzz") for target in options.targets
                 if kind in engine_kinds.available(self.places, target, options.engines)]
        if not pairs:
            raise SystemExit("no engine can run any of the targets: build them: cmake --build --preset fuzz")
        if options.jobs >= len(pairs):
            self.turn_seconds = RESTART
            spare = options.jobs - len(pairs)
            return [(target, kind, 1 + spare // len(pairs) + (n < spare % len(pairs)))
                    for n, (target, kind) in enumerate(pairs)]
        share = options.time * options.jobs / len(pairs)
        self.turn_seconds = options.turn or min(LONGEST_TURN, max(LEAST_TURN, share))
        return [(target, kind, 1) for target, kind in pairs]

    def next_turn(self):
        """Returns the pair that ran least and has no back-off pending."""
        now = time.monotonic()
        busy = {(turn[0].target, turn[0].kind) for turn in self.running}
        free = [unit for unit in self.units if unit[:2] not in busy and self.blocked.get(unit[:2], (0, 0))[0] <= now]
        return min(free, key=lambda unit: self.turns[unit[:2]], default=None)

    def start(self, unit):
        target, kind, width = unit
        seconds = max(1.0, min(self.turn_seconds, self.end - time.monotonic()))
        role = self.state.data.setdefault("afl_turns", {}).get(target, 0)
        turn = engine_kinds.make(self.places, target, kind, self.options.host, width, role)
        self.turns[unit[:2]] += 1
        if kind == "afl":
            if not self.places.has_room():
                self.block(unit[:2], 30)
                return
            if width == 1:
                self.state.data["afl_turns"][target] = role + 1
        started = []
        for engine in turn:
            self.state.engine(engine.key)["starts"] += 1
            try:
                engine.start(seconds)
                started.append(engine)
            except OSError as error:
                self.did_not_start(engine, [str(error)])
        if started:
            self.running.append(started)

    def block(self, pair, least=0):
        failures = self.blocked.get(pair, (0, 0))[1] + 1
        wait = max(least, min(LONGEST_BACK_OFF, 2 ** failures))
        self.blocked[pair] = (time.monotonic() + wait, failures)
        return wait

    def did_not_start(self, engine, lines):
        self.state.engine(engine.key)["failed_starts"] += 1
        wait = self.block((engine.target, engine.kind))
        words = "\n".join(f"  | {line}" for line in lines)
        self.say(f"{engine.key} DID NOT START; next attempt in {wait} s. Its last lines:\n{words}")

    # --- while it runs

    def watch(self):
        """Ends expired turns, and restarts engines that ended early with a back-off."""
        for turn in list(self.running):
            for engine in turn:
                engine.read()
                if engine.running() and engine.overdue() > 3 and not engine.stopped:
                    engine.send(signal.SIGINT)
                elif engine.running() and engine.overdue() > 3 + GRACE:
                    engine.send(signal.SIGKILL)
            if any(engine.running() for engine in turn):
                continue
            self.running.remove(turn)
            for engine in turn:
                self.finish(engine)

    def finish(self, engine):
        engine.read()
        self.state.close(engine)
        self.collect(engine)
        pair = (engine.target, engine.kind)
        if engine.did_not_start():
            self.did_not_start(engine, [f"exit status {engine.child.returncode}", *engine.last_lines()])
        elif engine.was_lost():
            self.state.data["lost"] += 1
            wait = self.block(pair)
            self.say(f"{engine.key} ended with {engine.child.returncode} after {engine.figures['runs']} runs; again in "
                     f"{wait} s. Its last line: {(engine.last_lines(1) or ['none'])[0][:200]}")
        elif engine.figures["runs"] == 0 and not engine.stopped:
            self.say(f"{engine.key} ran nothing in {engine.lasted():.0f} s: "
                     f"{(engine.last_lines(1) or ['it printed nothing'])[0][:200]}")
        else:
            self.blocked.pop(pair, None)

    def collect(self, engine):
        """Copies inputs from an engine's private folders: new ones for the other engines, failing ones for triage."""
        if self.places.has_room():
            try:
                for data in engine.new_inputs(self.seen[engine.key]):
                    self.places.add_input(engine.target, data)
            except OSError as error:
                self.say(f"{engine.key}: new inputs are not kept: {error}")
        known = set(self.state.data.setdefault("examined", []))
        before = len(known)
        for file in engine.failing(known):
            to = self.places.incoming(engine.target) / f"{engine.kind}-{file.name.replace(':', '_').replace(',', '_')}"
            shutil.copyfile(file, to)
        if len(known) != before:
            self.state.data["examined"] = sorted(known)

    def note_new(self, target, count):
        kept = self.state.target(target)
        kept["new"] += count
        kept["last_new"] = self.state.elapsed()

    def corpus_sizes(self):
        sizes = {}
        for target in self.state.data["targets"]:
            try:
                sizes[target] = len(os.listdir(self.places.folder / "corpus" / target))
            except OSError:
                sizes[target] = 0
            if sizes[target] > self.sizes.get(target, sizes[target]):
                self.note_new(target, sizes[target] - self.sizes[target])
        self.sizes = sizes
        return sizes

    def count_findings(self):
        counts = collections.Counter()
        for folder in {self.places.folder, self.places.memory}:
            for one in load_findings(folder):
                counts[one["target"]] += 1
        return counts

    # --- findings

    def look_for_findings(self):
        for base in (self.places.folder, self.places.memory):
            for target in self.options.targets:
                folder = base / "incoming" / target
                files = [f for f in folder.iterdir() if f.is_file() and f not in self.waiting] if folder.is_dir() else []
                files.sort(key=lambda f: f.stat().st_size)
                room = MOST_INCOMING - sum(1 for f in self.waiting if f.parent == folder)
                for file in files[:room]:
                    self.waiting.add(file)
                    self.jobs.put((target, file))
                for file in files[room:]:  # counted, but not examined: a shallow bug is found thousands of times
                    file.unlink(missing_ok=True)
                    self.state.data["unexamined"] += 1

    def examine(self):
        """The triage thread, so that minimising and replaying never delay the engines."""
        while (job := self.jobs.get()) is not None:
            target, file = job
            if self.stop_reason and time.monotonic() > self.end + GRACE - 2:
                continue  # stays in incoming/ and is examined when the campaign is resumed
            try:
                key, is_new = self.triage.take(target, file, file.name.split("-")[0])
                if key is None:
                    self.say(f"{target}: an input that failed for {file.name.split('-')[0]} runs well in every build")
                    kept = self.places.folder / "incoming" / f"{target}.not-reproduced"
                    kept.mkdir(exist_ok=True)
                    shutil.copyfile(file, kept / file.name)
                elif is_new:
                    self.findings[target] += 1
                    folder = self.triage.folder(target, key)
                    size = (folder / "input").stat().st_size
                    self.say(f"FINDING {target}: {key} ({size} bytes)\n"
                             f"  replay: {(folder / 'replay').read_text().strip()}")
                file.unlink(missing_ok=True)
            except OSError as error:
                self.say(f"{target}: {file.name} is not examined: {error}")
            finally:
                self.waiting.discard(file)

    # --- the whole

    def say(self, text):
        self.display.message(text)
        try:
            with open(self.file, "a", encoding="utf-8") as out:
                out.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {text}\n")
        except OSError:
            pass

    def lock(self):
        self.lock_file = open(self.places.folder / "lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another campaign runs in '{self.places.folder}': one folder per host, and sync between "
                             "them (docs/fuzzing.md)") from None

    def on_signal(self, _number, _frame):
        self.interrupted += 1
        self.stop_reason = self.stop_reason or "interrupted"
        if self.interrupted > 1:
            for engine in self.live():
                engine.send(signal.SIGKILL)

    def live(self):
        return [engine for turn in self.running for engine in turn]

    def should_stop(self):
        now = time.monotonic()
        if now >= self.end:
            return "time is over"
        total = getattr(self.state, "total", None)
        if total and self.options.until_quiet:
            quiet = min((self.state.elapsed() - (t["last_new"] or 0) for t in self.state.data["targets"].values()),
                        default=0)
            if quiet >= self.options.until_quiet:
                return f"no target found anything new for {quiet:.0f} s"
        if total and self.options.until_risk and total["risk"] <= self.options.until_risk:
            return f"risk is {total['risk']:.1e}"
        return self.stop_reason

    def step(self):
        self.watch()
        for engine in self.live():
            self.collect(engine)
        self.look_for_findings()
        room = self.places.has_room()
        if room == self.low:
            self.low = not room
            self.say("there is room on the disk again" if room else
                     "disk full: engines go on, new inputs are not kept, findings are kept in " + str(self.places.memory))
            if room:
                for turn in self.running:  # back to the folder
                    for engine in turn:
                        engine.send(signal.SIGINT)
        self.state.update(self.live(), self.corpus_sizes(), self.findings)
        self.display.show(self.state.document("running"), time.monotonic())

    def run(self):
        self.lock()
        if self.state.resumed:
            self.say(f"resumed after {self.state.data['total'].get('runs', 0)} runs in {self.state.before:.0f} s")
        for target in self.options.targets:
            self.state.target(target)
            self.places.import_seeds(target)
        self.sizes = {}
        self.corpus_sizes()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.on_signal)
        worker = threading.Thread(target=self.examine, daemon=True)
        worker.start()
        self.display.begin()
        saved = 0.0
        while not (reason := self.should_stop()):
            used = sum(engine.width for engine in self.live())
            while used < self.options.jobs and self.end - time.monotonic() > 1 and (unit := self.next_turn()):
                self.start(unit)
                now_used = sum(engine.width for engine in self.live())
                if now_used == used:
                    break
                used = now_used
            time.sleep(0.5)
            self.step()
            if time.monotonic() - saved >= 2:
                saved = time.monotonic()
                self.state.save()
        self.stop(reason, worker)
        failed = sorted(key for key, e in self.state.data["engines"].items() if e["failed_starts"] and not e["runs"])
        for key in failed:
            self.say(f"{key} never ran")
        return 1 if sum(self.findings.values()) else 3 if failed else 0

    def stop(self, reason, worker):
        self.stop_reason = reason
        self.end = min(self.end, time.monotonic())
        asked = time.monotonic()
        for engine in self.live():
            # An engine whose turn ends with the campaign exits by itself within moments, without loss of its results.
            if self.interrupted or engine.overdue() < -3:
                engine.send(signal.SIGINT)
        while self.running:
            self.watch()
            if time.monotonic() - asked > GRACE:
                for engine in self.live():
                    engine.send(signal.SIGKILL)
            time.sleep(0.1)
        self.look_for_findings()
        if self.waiting:
            self.say(f"{len(self.waiting)} failing inputs are being examined")
        self.jobs.put(None)
        worker.join(GRACE)
        self.state.update([], self.corpus_sizes(), self.findings)
        kept = self.places.close()
        saved = self.state.save("stopped")
        self.display.end(self.state.document("stopped"))
        self.say(f"stopped: {reason}")
        if not saved:
            self.say("disk full: status.json is not the newest")
        for file in kept:
            self.say(f"kept in memory for lack of room: {file}")
        if self.state.data["lost"]:
            self.say(f"{self.state.data['lost']} turns were lost to engines that ended unexpectedly")
        if self.state.data["unexamined"]:
            self.say(f"{self.state.data['unexamined']} failing inputs were counted and not examined")
        for one in load_findings(self.places.folder):
            self.say(f"{one['count']:5} x {one['target']}: {one['oracle']}: {one['text']}  {one['folder']}")
