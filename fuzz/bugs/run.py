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
whole as a table in Markdown. The product is never changed.
"""
import argparse
import concurrent.futures
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
SHARED = ("finding", "script", "run_target", "message_mutator", "mutator")
RINGS = ("rx", "tx", "traffic")
VERDICT = (
    (re.compile(r"^finding: ([a-z_-]+): (.*) \(0x", re.M), "{0}: {1}"),
    (re.compile(r"ERROR: AddressSanitizer: ([A-Za-z-]+)"), "ASan: {0}"),
    (re.compile(r"runtime error: (.*)"), "UBSan: {0}"),
    (re.compile(r"Assertion `(.*)' failed"), "assert: {0}"),
    (re.compile(r"libFuzzer: timeout"), "timeout: no end"),
)


def arguments():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("--time", type=int, default=60, help="processor seconds a run (60)")
    parse.add_argument("--trials", type=int, default=3, help="runs a bug, of which the median counts (3)")
    parse.add_argument("--jobs", type=int, default=os.cpu_count(), help="bugs at the same time")
    parse.add_argument("--ablate", type=int, default=20, help="processor seconds with sanitizers alone; 0: none (20)")
    parse.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz",
                       help="a build of preset `fuzz`: generated headers, libraries of the emulated card")
    parse.add_argument("--out", type=pathlib.Path, help="programs and logs (BUILD/bugs)")
    parse.add_argument("--table", type=pathlib.Path, help="write the result there, in Markdown")
    parse.add_argument("names", nargs="*", help="bugs; all of them if none is named")
    options = parse.parse_args()
    options.build = options.build.resolve()
    options.out = (options.out or options.build / "bugs").resolve()
    return options


class Builder:
    def __init__(self, options):
        self.build = options.build
        self.out = options.out
        compiler = [os.environ.get("CXX", "clang++-14")]
        self.compiler = (["ccache"] if shutil.which("ccache") else []) + compiler
        self.flags = ("-std=c++20 -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all "
                      "-fno-omit-frame-pointer -DHNI_FUZZ_MUTATOR").split() + ["-include", str(BUGS / "canary.hpp")]

    def compile(self, source, output, first, extra=()):
        """The headers in `first` are found before those of the tree."""
        subprocess.run([*self.compiler, *self.flags, *extra, "-fsanitize=fuzzer-no-link", f"-I{first}", f"-I{ROOT}",
                        f"-I{self.build}/generated", f"-I{ROOT}/spec/runtime", "-c", str(ROOT / source), "-o",
                        str(output)], check=True)
        return str(output)

    def shared(self, targets):
        """What no bug changes: compiled once."""
        folder = self.out / "shared"
        folder.mkdir(parents=True, exist_ok=True)
        self.objects = [self.compile(f"fuzz/{name}.cpp", folder / f"{name}.o", ROOT) for name in SHARED]
        self.entries = {name: self.compile("fuzz/engine_entry.cpp", folder / f"entry_{name}.o", ROOT,
                                           [f"-DHNI_FUZZ_TARGET={name}"]) for name in targets}

    def program(self, bug):
        folder = self.out / bug.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copytree(ROOT / "driver", folder / "driver")
        subprocess.run(["patch", "-s", "-p1", "-i", str(bug.patch)], cwd=folder, check=True)
        sources = [f"{bug.target}_fuzz"] + (["ring_script"] if bug.target in RINGS else [])
        objects = [self.compile(f"fuzz/{name}.cpp", folder / f"{name}.o", folder) for name in sources]
        subprocess.run([self.compiler[-1], *self.flags[:5], "-fsanitize=fuzzer", *objects, *self.objects,
                        self.entries[bug.target], str(self.build / "device" / "libhni_device.a"),
                        str(self.build / "spec" / "libopenhni_spec_tables.a"), "-lpcap", "-o", str(folder / "fuzz")],
                       check=True)
        return folder


class Bug:
    def __init__(self, name):
        self.name = name
        self.patch = BUGS / f"{name}.patch"
        self.target = re.search(r"^# target: (\w+)$", self.patch.read_text(), re.M).group(1)


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
        # A finding without the mistake having made a difference is none of this bug's: a real one?
        if self.oracle and not self.triggered:
            print(f"{folder.name} {label}: not by this bug: {self.oracle}; see {work}", flush=True)
            self.oracle = None

    def by_sanitizer(self):
        return self.oracle is not None and self.oracle.startswith(("ASan", "UBSan"))


class Result:
    def __init__(self, bug, options, builder):
        self.bug = bug
        folder = builder.program(bug)
        corpus = ROOT / "corpus" / bug.target
        self.empty = [Run(folder, f"empty{n}", options.time, n + 1) for n in range(options.trials)]
        self.corpus = [Run(folder, f"corpus{n}", options.time, n + 1, corpus) for n in range(options.trials)]
        self.alone = Run(folder, "alone", options.ablate, 1, corpus, True) if options.ablate else None

    @staticmethod
    def median(runs, limit):
        """Of the times to detection; a run that found nothing counts as more than the limit."""
        value = statistics.median_low([run.seconds if run.oracle else limit + 1 for run in runs])
        return f"> {limit}" if value > limit else f"{value:.1f}"

    def oracle(self):
        names = [run.oracle for run in self.empty + self.corpus if run.oracle]
        return max(set(names), key=names.count)[:70] if names else "-"

    def row(self, options):
        def share(runs, what):
            return f"{sum(1 for run in runs if what(run))}/{len(runs)}"
        empty = self.empty
        return [self.bug.name, self.bug.target, share(empty, lambda r: r.reached), share(empty, lambda r: r.triggered),
                share(empty, lambda r: r.oracle), self.median(empty, options.time),
                share(self.corpus, lambda r: r.oracle), self.median(self.corpus, options.time), self.oracle(),
                "-" if not self.alone else "yes" if self.alone.by_sanitizer() else "no"]


HEAD = ["bug", "target", "reached", "triggered", "detected", "median s", "corpus", "median s", "oracle", "sanitizers"]


def summary(results, options):
    total = len(results)
    def found(runs, limit=10**9):
        return any(run.oracle and run.seconds <= limit for run in runs)
    by_empty = sum(Result.median(r.empty, options.time)[0] != ">" for r in results)
    both = sum(found(r.empty) or found(r.corpus) for r in results)
    by_corpus = sum(Result.median(r.corpus, options.time)[0] != ">" for r in results)
    alone = sum(bool(r.alone and r.alone.by_sanitizer()) for r in results)
    lines = [f"{total} bugs, {options.trials} trials of at most {options.time} s of processor time.",
             f"From nothing: {by_empty} detected in the median trial ({100 * by_empty / total:.1f} %), "
             f"{sum(any(x.triggered for x in r.empty) for r in results)} triggered, "
             f"{sum(any(x.reached for x in r.empty) for r in results)} reached.",
             f"From the committed corpus: {by_corpus}. By any trial: {both}."]
    if options.ablate:
        lines.append(f"By the sanitizers alone (corpus, then {options.ablate} s): {alone}; "
                     f"all oracles find {both / max(alone, 1):.1f} times as many.")
    return lines


def main():
    options = arguments()
    names = options.names or sorted(path.stem for path in BUGS.glob("*.patch"))
    bugs = [Bug(name) for name in names]
    builder = Builder(options)
    builder.shared(sorted({bug.target for bug in bugs}))
    begin = time.monotonic()
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(Result, bug, options, builder) for bug in bugs]
        for done in concurrent.futures.as_completed(waiting):
            results.append(done.result())
            print(" | ".join(results[-1].row(options)), flush=True)
    results.sort(key=lambda r: r.bug.name)
    lines = summary(results, options)
    print("\n".join(lines), f"\n{time.monotonic() - begin:.0f} s on {options.jobs} processors")
    if options.table:
        rows = [HEAD, ["---"] * len(HEAD)] + [r.row(options) for r in results]
        options.table.write_text("<!-- SPDX-License-Identifier: Apache-2.0 -->\n# What the fuzz targets find\n\n" +
                                 "\n".join(lines) + "\n\n" +
                                 "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n")
    return 0 if all(any(x.oracle for x in r.empty + r.corpus) for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
