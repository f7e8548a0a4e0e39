#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/bugs/run.py: measures what the fuzz targets find; `hni fuzz bugs`.

Each patch of fuzz/bugs puts one mistake that drivers really make into a copy of driver/, and tells by
fuzz/bugs/canary.hpp when its place is reached and when the mistake makes a difference. The target that
the patch names is built from it (clang, ASan, UBSan, libFuzzer) and runs
    empty      from nothing, TRIALS times with different seeds
    corpus     from the committed corpus, as often
    sanitizers from the committed corpus, once, with every oracle but ASan and UBSan switched off
each until the bug is detected, at most TIME seconds of processor time. A line a bug; with --table, the
whole as a table in Markdown. With --json each result is kept at once, and --resume leaves out what FILE
holds already (and was measured with the same patch), so that a table is made in as many parts as one likes.
The product is never changed.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUGS = ROOT / "fuzz" / "bugs"
SHARED = ("script/finding", "script/script", "script/run_target", "script/message_mutator", "script/mutator",
          "script/operation_list", "worlds/world_arena")
PARTS = {"rx": ["worlds/ring_script"], "tx": ["worlds/ring_script"], "traffic": ["worlds/ring_script"],
         "port": ["worlds/port_calls", "worlds/bare_queues"]}
# As in fuzz/CMakeLists.txt.
OPTIONS = {name: ["-fno-sanitize-coverage=trace-cmp"] for name in ("classifier_fuzz", "port_fuzz", "port_calls", "ring_script")}
OPTIONS["world_arena"] = ["-fno-sanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table"]
VERDICT = (
    (re.compile(r"^finding: ([a-z_-]+): (.*) \(0x", re.M), "{0}: {1}"),
    (re.compile(r"ERROR: AddressSanitizer: ([A-Za-z-]+)"), "ASan: {0}"),
    (re.compile(r"runtime error: (.*)"), "UBSan: {0}"),
    (re.compile(r"Assertion `(.*)' failed"), "assert: {0}"),
    (re.compile(r"libFuzzer: timeout"), "timeout: no end"),
)


class Parser(argparse.ArgumentParser):
    """Reports help that could not be written."""

    def _print_message(self, message, file=None):
        try:
            print(message, end="", file=file or sys.stderr, flush=True)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left cannot be written at the end either
            sys.exit(f"hni fuzz: standard output: {error.strerror}")


def arguments():
    parse = Parser(description=__doc__.split("\n")[0])
    parse.add_argument("--time", type=int, default=60, help="processor seconds a run (60)")
    parse.add_argument("--trials", type=int, default=3, help="runs a bug, of which the median counts (3)")
    parse.add_argument("--jobs", type=int, default=os.cpu_count(), help="bugs at the same time")
    parse.add_argument("--ablate", type=int, default=20, help="processor seconds with sanitizers alone; 0: none (20)")
    parse.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz",
                       help="a build of preset `fuzz`: generated headers, libraries of the emulated card")
    parse.add_argument("--out", type=pathlib.Path, help="programs and logs (BUILD/bugs)")
    parse.add_argument("--table", type=pathlib.Path, help="write the result there, in Markdown")
    parse.add_argument("--json", type=pathlib.Path, help="keep each result there as soon as it is known")
    parse.add_argument("--resume", action="store_true",
                       help="go on: what the --json file holds is not measured again, and counts in the table")
    parse.add_argument("names", nargs="*", help="bugs; all of them if none is named")
    options = parse.parse_args()
    if options.resume and not options.json:
        parse.error("--resume needs --json")
    options.build = options.build.resolve()
    options.out = (options.out or options.build / "bugs").resolve()
    return options


class Builder:
    def __init__(self, options):
        self.build = options.build
        self.out = options.out
        compiler = [os.environ.get("CXX") or subprocess.check_output([ROOT / "tools" / "find-clang"], text=True).strip()]
        self.compiler = (["ccache"] if shutil.which("ccache") else []) + compiler
        self.flags = ("-std=c++20 -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all "
                      "-fno-omit-frame-pointer -DHNI_FUZZ_MUTATOR").split() + ["-include", str(BUGS / "canary.hpp")]

    def compile(self, source, output, first, extra=()):
        """The headers in `first` are found before those of the tree."""
        subprocess.run([*self.compiler, *self.flags, *extra, "-fsanitize=fuzzer-no-link",
                        *OPTIONS.get(pathlib.Path(source).stem, []), f"-I{first}", f"-I{ROOT}",
                        f"-I{self.build}/generated", f"-I{ROOT}/spec/runtime", "-c", str(ROOT / source), "-o",
                        str(output)], check=True)
        return str(output)

    def shared(self, targets):
        """What no bug changes: compiled once."""
        folder = self.out / "shared"
        folder.mkdir(parents=True, exist_ok=True)
        self.objects = [self.compile(f"fuzz/{name}.cpp", folder / f"{pathlib.Path(name).stem}.o", ROOT) for name in SHARED]
        self.entries = {name: self.compile("fuzz/engine/engine_entry.cpp", folder / f"entry_{name}.o", ROOT,
                                           [f"-DHNI_FUZZ_TARGET={name}"]) for name in targets}

    def program(self, bug):
        folder = self.out / bug.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copytree(ROOT / "driver", folder / "driver")
        subprocess.run(["patch", "-s", "-p1", "-i", str(bug.patch)], cwd=folder, check=True)
        sources = [f"targets/{bug.target}_fuzz", *PARTS.get(bug.target, [])]
        objects = [self.compile(f"fuzz/{name}.cpp", folder / f"{pathlib.Path(name).stem}.o", folder) for name in sources]
        self.link(folder, bug, objects)
        return folder

    def link(self, folder, bug, objects):
        self.link_program(folder / "fuzz", ["-fsanitize=fuzzer", self.entries[bug.target]], objects)

    def link_program(self, program, first, objects):
        subprocess.run([self.compiler[-1], *self.flags[:5], *first, *objects, *self.objects,
                        str(self.build / "device" / "libhni_device.a"),
                        str(self.build / "spec" / "libopenhni_spec_tables.a"), "-lpcap", "-o", str(program)], check=True)


class Bug:
    def __init__(self, name):
        self.name = name
        self.patch = BUGS / f"{name}.patch"
        self.target = re.search(r"^# target: (\w+)$", self.patch.read_text(), re.M).group(1)

    def digest(self):
        return hashlib.sha256(self.patch.read_bytes()).hexdigest()[:16]


class Run:
    """One run of one program: what was reached, triggered and detected, and when (processor seconds)."""

    def __init__(self, folder, label, seconds, seed, corpus=None, ablate=False):
        work = folder / label
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        (work / "new").mkdir()
        environment = dict(os.environ, HNI_BUG_FILE=str(work / "canary"), ASAN_OPTIONS="symbolize=0")
        if ablate:
            environment["HNI_FUZZ_ABLATE"] = "1"
        command = [str(folder / "fuzz"), f"-seed={seed}", "-timeout=10", "-max_len=1024", "-rss_limit_mb=2048",
                   f"-artifact_prefix={work}/", str(work / "new")] + ([str(corpus)] if corpus else [])

        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))

        with open(work / "log", "wb") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, env=environment, preexec_fn=limit)
            _, _, used = os.wait4(child.pid, 0)
        self.seconds = used.ru_utime + used.ru_stime
        text = (work / "log").read_text(errors="replace")
        runs = re.findall(r"^#(\d+)", text, re.M)
        self.runs = int(runs[-1]) if runs else 0
        self.oracle = next((form.format(*found.groups()) for pattern, form in VERDICT
                            if (found := pattern.search(text))), None)
        canary = work / "canary"
        data = canary.read_bytes() if canary.exists() else bytes(32)
        self.reached, self.triggered, self.reached_at, self.triggered_at = struct.unpack("QQdd", data)
        shutil.rmtree(work / "new")
        # The seeded bug had no effect in this run, so the finding has another cause: perhaps a genuine fault.
        if self.oracle and not self.triggered:
            print(f"{folder.name} {label}: not by this bug: {self.oracle}; see {work}", flush=True)
            self.oracle = None


class Result:
    """What was measured of a bug: lists of runs as they lie in the JSON file."""

    def __init__(self, name, target, limit, empty, corpus, alone, patch=""):
        self.name, self.target, self.limit, self.patch = name, target, limit, patch
        self.empty, self.corpus, self.alone = empty, corpus, alone

    @classmethod
    def measure(cls, bug, options, builder):
        folder = builder.program(bug)
        corpus = ROOT / "corpus" / bug.target
        def trials(label, *source):
            return [vars(Run(folder, f"{label}{n}", options.time, n, *source)) for n in range(1, options.trials + 1)]
        empty = trials("empty")
        seeded = trials("corpus", corpus)
        alone = vars(Run(folder, "alone", options.ablate, 1, corpus, True)) if options.ablate else None
        return cls(bug.name, bug.target, options.time, empty, seeded, alone, bug.digest())

    def median(self, runs):
        """Of the times to detection; a run that found nothing counts as more than the limit."""
        value = statistics.median_low([run["seconds"] if run["oracle"] else self.limit + 1 for run in runs])
        return f"> {self.limit}" if value > self.limit else f"{value:.1f}"

    def detected(self, runs):
        return self.median(runs)[0] != ">"

    def by_sanitizer(self):
        return bool(self.alone and self.alone["oracle"] and self.alone["oracle"].startswith(("ASan", "UBSan")))

    def oracle(self):
        names = [run["oracle"] for run in self.empty + self.corpus if run["oracle"]]
        return max(set(names), key=names.count)[:70].replace("|", "/") if names else "-"

    def row(self):
        def share(runs, what):
            return f"{sum(1 for run in runs if run[what])}/{len(runs)}"
        return [self.name, self.target, share(self.empty, "reached"), share(self.empty, "triggered"),
                share(self.empty, "oracle"), self.median(self.empty), share(self.corpus, "oracle"),
                self.median(self.corpus), self.oracle(),
                "-" if not self.alone else "yes" if self.by_sanitizer() else "no"]


class Kept:
    """The results of this run and, with --resume, of those before it."""

    def __init__(self, options, bugs):
        self.file = options.json
        self.results = {}
        if options.resume and self.file.exists():
            digests = {bug.name: bug.digest() for bug in bugs}
            for one in json.loads(self.file.read_text()):
                if digests.get(one["name"]) == one["patch"]:
                    self.results[one["name"]] = Result(**one)

    def add(self, result):
        self.results[result.name] = result
        if self.file:
            fresh = self.file.with_name(self.file.name + ".new")
            fresh.write_text(json.dumps([vars(r) for r in self.sorted()], indent=1) + "\n")
            fresh.replace(self.file)

    def sorted(self):
        return [self.results[name] for name in sorted(self.results)]


HEAD = ["bug", "target", "reached", "triggered", "detected", "median s", "corpus", "median s", "oracle", "sanitizers"]


def summary(results):
    total = max(len(results), 1)
    def any_of(runs, what):
        return any(run[what] for run in runs)
    trials = sorted({len(r.empty) for r in results})
    limits = sorted({r.limit for r in results})
    by_empty = sum(r.detected(r.empty) for r in results)
    both = sum(any_of(r.empty + r.corpus, "oracle") for r in results)
    by_corpus = sum(r.detected(r.corpus) for r in results)
    lines = [f"{len(results)} bugs, {'/'.join(map(str, trials))} trials of at most {'/'.join(map(str, limits))} s "
             "of processor time.",
             f"From nothing: {by_empty} detected in the median trial ({100 * by_empty / total:.1f} %), "
             f"{sum(any_of(r.empty, 'triggered') for r in results)} triggered, "
             f"{sum(any_of(r.empty, 'reached') for r in results)} reached.",
             f"From the committed corpus: {by_corpus}. By any trial: {both}."]
    ablated = [r for r in results if r.alone]
    if ablated:
        alone = sum(r.by_sanitizer() for r in ablated)
        by_all = sum(any_of(r.empty + r.corpus, "oracle") for r in ablated)
        lines.append(f"By the sanitizers alone (from the corpus): {alone} of {len(ablated)}; "
                     f"all oracles find {by_all / max(alone, 1):.1f} times as many.")
    return lines


def main():
    options = arguments()
    every = [Bug(path.stem) for path in sorted(BUGS.glob("*.patch"))]
    kept = Kept(options, every)
    wanted = [Bug(name) for name in options.names] or every
    bugs = [bug for bug in wanted if bug.name not in kept.results]
    builder = Builder(options)
    if bugs:
        builder.shared(sorted({bug.target for bug in bugs}))
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(Result.measure, bug, options, builder): bug for bug in bugs}
        broken = []
        for done in concurrent.futures.as_completed(waiting):
            try:
                result = done.result()
            except (OSError, subprocess.CalledProcessError) as error:  # the other bugs are measured all the same
                broken.append(waiting[done].name)
                print(f"{broken[-1]}: {error}", flush=True)
                continue
            kept.add(result)
            print(" | ".join(result.row()), flush=True)
    results = kept.sorted()
    lines = summary(results)
    print("\n".join(lines), f"\n{time.monotonic() - begin:.0f} s on {options.jobs} processors")
    if options.table:
        rows = [HEAD, ["---"] * len(HEAD)] + [r.row() for r in results]
        options.table.write_text("<!-- SPDX-License-Identifier: Apache-2.0 -->\n# What the fuzz targets find\n\n" +
                                 "\n".join(lines) + "\n\n" +
                                 "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n")
    return 0 if not broken and all(any(x["oracle"] for x in r.empty + r.corpus) for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
