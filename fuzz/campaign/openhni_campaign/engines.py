# SPDX-License-Identifier: Apache-2.0
"""The engines in their own parallel modes. An Engine is one process group of one target for one turn; its figures
are the ones that the engine itself reports (libFuzzer's lines, AFL++'s fuzzer_stats)."""
import ctypes
import os
import re
import shutil
import signal
import struct
import subprocess
import time

TIMEOUT = 30  # seconds for one input
RSS_MB = 2048
_SCHEDULES = ("explore", "fast", "coe", "rare", "exploit", "lin", "quad")
_LIBC = ctypes.CDLL(None)


def _end_with_parent():
    """Makes the engine end with the runner, even if the runner is killed."""
    _LIBC.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def tail(path, size=8192):
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


class Engine:
    kind = "?"

    def __init__(self, places, target, label, width=1, role=0):
        self.places, self.target, self.label, self.width, self.role = places, target, label, width, role
        self.key = f"{target}/{label}"
        self.child = None
        self.began = self.ended = 0.0
        self.stopped = False
        self.figures = {"runs": 0, "rate": 0.0, "edges": 0, "corpus": 0, "stability": None}
        self.log = places.folder / "engines" / target / f"{label}.log"
        self.log_start = 0

    def command(self, seconds):
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self, seconds):
        """Starts the engine for about that many seconds. Raises OSError if the program cannot be run."""
        if not self.places.has_room():
            self.log = self.places.memory / f"{self.target}.{self.label}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log_start = self.log.stat().st_size if self.log.exists() else 0
        if self.log_start > 1 << 20:  # the figures of earlier turns are in status.json
            self.log.unlink()
            self.log_start = 0
        environment = {k: v for k, v in os.environ.items() if k not in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
        environment.update(HNI_FUZZ_EVENTS=str(self.events_file()), TMPDIR=str(self.places.memory))
        environment.update({k: str(v) for k, v in self.environment().items()})
        self.events_file().unlink(missing_ok=True)
        self.began, self.seconds = time.monotonic(), seconds
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([str(word) for word in self.command(seconds)], stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
                                          cwd=self.places.memory, preexec_fn=_end_with_parent)

    def events_file(self):
        return self.places.memory / f"{self.target}.{self.label}.events"

    def events(self):
        """Returns the card events of this turn; the targets add them to shared memory every 64 runs."""
        try:
            return struct.unpack("<Q", self.events_file().read_bytes()[:8])[0]
        except (OSError, struct.error):
            return 0

    def text(self):
        """Returns the engine's output of this turn."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(self.log_start, self.log.stat().st_size - (1 << 16)))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def running(self):
        if self.child.poll() is None:
            return True
        self.ended = self.ended or time.monotonic()
        return False

    def overdue(self):
        return time.monotonic() - self.began - self.seconds

    def send(self, number):
        self.stopped = True
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            pass

    def lasted(self):
        return (self.ended or time.monotonic()) - self.began

    def did_not_start(self):
        """Returns whether the engine exited with an error before it ran any input."""
        return not self.stopped and self.child.returncode != 0 and self.figures["runs"] == 0

    def was_lost(self):
        """Returns whether another process killed the engine."""
        return not self.stopped and self.child.returncode not in self.good_codes() and not self.did_not_start()

    def good_codes(self):
        return (0, 1)

    def last_lines(self, count=6):
        colours = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x0f|\x1b\([0B]")
        return [colours.sub("", line).strip() for line in self.text().splitlines() if line.strip()][-count:]

    def read(self):
        raise NotImplementedError

    def new_inputs(self, _seen):
        """Yields the bytes of inputs in the engine's private folder."""
        return []

    def failing(self, _seen):
        """Yields the files of failing inputs in the engine's private folder."""
        return []


class LibFuzzer(Engine):
    """-fork=N -ignore_crashes=1: a child with a finding ends its own job but not the
    others. New inputs go straight to the shared corpus, failing ones to incoming/."""
    kind = "libfuzzer"
    LINE = re.compile(r"^#(\d+): cov: (\d+) ft: \d+ corp: (\d+) ", re.M)

    def command(self, seconds):
        room = self.places.has_room()
        # The length of jobs grows by a second each, so the last job may exceed the turn by the square root of twice
        # the turn's length.
        least = max(1, int(seconds - (2 * seconds / self.width) ** 0.5))
        corpus = self.places.alias("corpus", self.target)
        mine = corpus
        if not room:  # continues, with new inputs in memory for this turn only
            mine = self.places.memory / "new" / self.target
            shutil.rmtree(mine, ignore_errors=True)
            mine.mkdir(parents=True)
        incoming = self.places.incoming(self.target)
        if incoming.is_relative_to(self.places.folder):
            incoming = self.places.alias("incoming", self.target)
        dictionary = self.places.dictionary()
        return [self.places.program(self.target, is_alias=True), f"-fork={self.width}", "-ignore_crashes=1", "-ignore_timeouts=1",
                "-ignore_ooms=1", f"-max_total_time={least}", f"-timeout={TIMEOUT}", f"-rss_limit_mb={RSS_MB}",
                "-print_final_stats=1", f"-artifact_prefix={incoming}/libfuzzer-"] + (
                    [f"-dict={dictionary}"] if dictionary.exists() else []) + [mine] + ([corpus] if not room else [])

    def environment(self):
        # Stacks are symbolised once, by triage: a symboliser per crash would take most of the time.
        return {"ASAN_OPTIONS": "symbolize=0:detect_leaks=0", "UBSAN_OPTIONS": "symbolize=0"}

    def read(self):
        found = self.LINE.findall(self.text())
        if found:
            runs, edges, corpus = (int(n) for n in found[-1])
            self.figures.update(runs=runs, edges=edges, corpus=corpus, rate=runs / max(self.lasted(), 1.0))
        return self.figures

    def good_codes(self):
        return (0, 1, 70, 71, 72, 77)  # libFuzzer's own: timeout, out of memory, interrupted, a crash


class Afl(Engine):
    """One instance of a parallel AFL++ campaign. Role 0 is -M, and imports the shared corpus (-F); of the -S instances
    one runs the sanitizer build, one uses CMPLOG, and their schedules differ."""
    kind = "afl"

    def __init__(self, places, target, host, width=1, role=0):
        self.roles = self.roles_of(places, target)
        self.name, self.extra, self.binary = self.roles[role % len(self.roles)]
        copy = role // len(self.roles)
        self.instance = f"{host}-{self.name}" + (str(copy) if copy else "")
        super().__init__(places, target, f"afl-{self.name}" + (str(copy) if copy else ""), width, role)
        self.schedule = _SCHEDULES[role % len(_SCHEDULES)]
        self.is_main = role == 0
        self.out = places.folder / "afl" / target
        self.base = None  # executions of earlier turns: AFL++ continues counting when it resumes

    @staticmethod
    def roles_of(places, target):
        """Returns (name, options, program) of the available builds."""
        sanitized = places.afl / "fuzz" / f"fuzz_{target}"
        fast = places.afl / "fast" / "fuzz" / f"fuzz_{target}"
        cmplog = places.afl / "cmplog" / "fuzz" / f"fuzz_{target}"
        if not fast.exists():
            return [("main", [], sanitized)]
        roles = [("main", [], fast), ("asan", [], sanitized)]
        if cmplog.exists():
            roles.append(("cmplog", ["-c", cmplog, "-l", "2"], fast))
        return roles

    def own(self):
        return self.out / self.instance

    def command(self, seconds):
        dictionary = self.places.dictionary()
        return ["afl-fuzz", "-V", max(1, int(seconds)), "-t", f"{TIMEOUT * 1000}", "-m", "none", "-p", self.schedule,
                "-i", self.places.alias("corpus", self.target), "-o", self.places.alias("afl", self.target),
                *(["-M", self.instance, "-F", self.places.alias("corpus", self.target)] if self.is_main
                  else ["-S", self.instance]),
                *(["-x", dictionary] if dictionary.exists() else []), *self.extra, "--", self.binary]

    def environment(self):
        own = {"AFL_NO_UI": 1, "AFL_SKIP_CPUFREQ": 1, "AFL_NO_AFFINITY": 1, "AFL_AUTORESUME": 1, "AFL_IMPORT_FIRST": 1,
               "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": 1, "AFL_CMPLOG_ONLY_NEW": 1, "AFL_FAST_CAL": 1,
               "AFL_NO_CRASH_README": 1, "AFL_NO_COLOR": 1, "AFL_SYNC_TIME": 1, "AFL_IGNORE_UNKNOWN_ENVS": 1,
               "AFL_FORKSRV_INIT_TMOUT": 60000, "AFL_SHUFFLE_QUEUE": 1}
        library, operations = self.places.afl / "mutator" / "libhni_afl_mutator.so", self.operations()
        if library.exists() and operations:
            own.update(AFL_CUSTOM_MUTATOR_LIBRARY=library, HNI_FUZZ_OPS=operations)
        return own

    def operations(self):
        """Writes the target's list of operations, as the program prints it, for the grammar-aware mutator."""
        to = self.places.memory / f"{self.target}.ops"
        if not to.exists():
            asked = dict(os.environ, HNI_FUZZ_LIST_OPS="1")
            done = subprocess.run([self.places.program(self.target)], env=asked, capture_output=True, text=True,
                                  check=False, timeout=60)
            to.write_text(done.stdout if done.stdout.startswith("target ") else "")
        return to if to.stat().st_size else None

    def start(self, seconds):
        self.out.mkdir(parents=True, exist_ok=True)
        self.base = self.counted()
        super().start(seconds)

    def counted(self):
        return int(self.stats().get("execs_done", 0))

    def stats(self):
        try:
            return dict(re.findall(r"^(\w+)\s*: (.*)$", (self.own() / "fuzzer_stats").read_text(), re.M))
        except OSError:
            return {}

    def read(self):
        stats = self.stats()
        # fuzzer_stats is written once a minute and at the end, plot_data every five seconds.
        plot = [part.strip() for part in tail(self.own() / "plot_data", 512).strip().split("\n")[-1].split(",")]
        total = int(stats.get("execs_done", 0))
        if len(plot) >= 13 and plot[11].isdigit():
            total = max(total, int(plot[11]))
        # An instance that could not resume starts from scratch.
        runs = total - self.base if total >= self.base else total
        lasted = max(self.lasted(), 1)
        self.figures.update(runs=max(runs, self.figures["runs"]), rate=runs / lasted,
                            edges=int(stats.get("edges_found", 0)), corpus=int(stats.get("corpus_count", 0)),
                            stability=stats.get("stability"))
        return self.figures

    def new_inputs(self, seen):
        for file in sorted((self.own() / "queue").glob("id*")):
            if "orig:" in file.name or "sync:" in file.name or file.name in seen:
                continue
            seen.add(file.name)
            if "+cov" in file.name:
                yield file.read_bytes()

    def failing(self, seen):
        for folder in ("crashes", "hangs"):
            for file in sorted((self.own() / folder).glob("id*")):
                name = f"{self.instance}/{folder}/{file.name}"
                if name not in seen:
                    seen.add(name)
                    yield file


class Honggfuzz(Engine):
    """honggfuzz, if it is installed and --honggfuzz names a build for it."""
    kind = "honggfuzz"

    def command(self, seconds):
        out = self.places.memory / "hongg" / self.target
        out.mkdir(parents=True, exist_ok=True)
        return ["honggfuzz", "-P", "-v", "-n", self.width, "-t", TIMEOUT, "--run_time", max(1, int(seconds)),
                "-i", self.places.alias("corpus", self.target), "--crashdir", out, "-W", out, "--",
                self.places.honggfuzz / "fuzz" / f"fuzz_{self.target}"]

    def read(self):
        text = self.text()
        runs = re.findall(r"Summary iterations:(\d+)", text) or re.findall(r"Iterations\s*: ([\d,]+)", text)
        if runs:
            self.figures["runs"] = int(runs[-1].replace(",", ""))
        return self.figures

    def failing(self, seen):
        for file in sorted((self.places.memory / "hongg" / self.target).glob("*.fuzz")):
            if file.name not in seen:
                seen.add(file.name)
                yield file


def available(places, target, wanted):
    """Returns the kinds of engine that can run a target."""
    kinds = []
    if places.program(target).exists():
        kinds.append("libfuzzer")
    if places.afl and (places.afl / "fuzz" / f"fuzz_{target}").exists() and shutil.which("afl-fuzz"):
        kinds.append("afl")
    if places.honggfuzz and (places.honggfuzz / "fuzz" / f"fuzz_{target}").exists() and shutil.which("honggfuzz"):
        kinds.append("honggfuzz")
    return [kind for kind in kinds if kind in wanted]


def make(places, target, kind, host, width, role):
    """Returns the processes of one turn: libFuzzer starts its own children, AFL++ is one process per instance."""
    if kind == "libfuzzer":
        return [LibFuzzer(places, target, "libfuzzer", width)]
    if kind == "honggfuzz":
        return [Honggfuzz(places, target, "honggfuzz", width)]
    if width == 1:  # on one processor the roles alternate
        return [Afl(places, target, host, 1, role % len(Afl.roles_of(places, target)))]
    return [Afl(places, target, host, 1, n) for n in range(width)]
