#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/bugs/keys.py: measures whether campaigns can tell the seeded bugs apart.

Each bug is built as by fuzz/bugs/run.py and found several times, from the committed corpus and from nothing, with
different seeds. Each failing input is minimised and gets the key that the triage of a campaign would give it
(fuzz/campaign/openhni_campaign/triage.py). A line per bug: its inputs and its keys; in the end how many bugs have a
key of their own (their most frequent key is that of no other bug), and into how many keys the inputs of a bug
fall. --sample N measures every N-th bug. With --json each result is kept at once, and --resume leaves out what FILE
holds.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "campaign"))
import run as bank  # noqa: E402
from openhni_campaign.triage import Verdict, symboliser  # noqa: E402


def arguments():
    parse = bank.Parser(description=__doc__.split("\n")[0])
    parse.add_argument("--time", type=int, default=20, help="processor seconds per run (20)")
    parse.add_argument("--trials", type=int, default=3, help="runs per bug and kind of corpus (3)")
    parse.add_argument("--jobs", type=int, default=1, help="bugs at the same time (1)")
    parse.add_argument("--sample", type=int, default=1, help="measure every N-th bug")
    parse.add_argument("--build", type=pathlib.Path, default=bank.ROOT / "build" / "fuzz", help="a build of preset `fuzz`")
    parse.add_argument("--out", type=pathlib.Path, help="programs and inputs (BUILD/bug-keys)")
    parse.add_argument("--json", type=pathlib.Path, help="keep each result there as soon as it is known")
    parse.add_argument("--resume", action="store_true", help="go on: what the --json file holds is not measured again")
    parse.add_argument("names", nargs="*", help="bugs; all of them if none is named")
    options = parse.parse_args()
    if options.resume and not options.json:
        parse.error("--resume needs --json")
    options.build = options.build.resolve()
    options.out = (options.out or options.build / "bug-keys").resolve()
    return options


class Builder(bank.Builder):
    """Builds the program of a bug, and one that minimises its inputs."""

    def shared(self, targets):
        super().shared(targets)
        folder = self.out / "shared"
        self.minimise = self.compile("fuzz/engine/minimise.cpp", folder / "minimise.o", bank.ROOT)
        self.mains = {name: self.compile("fuzz/engine/minimise_main.cpp", folder / f"min_{name}.o", bank.ROOT,
                                         [f"-DHNI_FUZZ_TARGET={name}"]) for name in targets}

    def link(self, folder, bug, objects):
        super().link(folder, bug, objects)
        self.link_program(folder / "min", ["-fsanitize=fuzzer-no-link", self.minimise, self.mains[bug.target]], objects)


class Finder:
    def __init__(self, options, builder):
        self.options, self.builder = options, builder
        self.symbolizer = symboliser()

    def run(self, program, file):
        options = f"symbolize=1:detect_leaks=0:abort_on_error=1:external_symbolizer_path={self.symbolizer}"
        environment = dict(os.environ, ASAN_OPTIONS=options, UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:" + options)
        done = subprocess.run([program, "-timeout=20", file], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, timeout=90)
        return (done.stderr + done.stdout).decode(errors="replace")

    def inputs(self, folder, bug):
        """Returns one failing input per trial."""
        corpus = bank.ROOT / "corpus" / bug.target
        found = []
        for label, source in (("corpus", [corpus]), ("empty", [])):
            for seed in range(1, self.options.trials + 1):
                run = bank.Run(folder, f"{label}{seed}", self.options.time, seed, *source)
                work = folder / f"{label}{seed}"
                if run.oracle:
                    found += [f for f in work.iterdir() if re.match(r"(crash|timeout|oom)-", f.name)][:1]
        return found

    def keys(self, bug):
        """Returns the list of (key, verdict) of the bug's inputs, one each."""
        folder = self.builder.program(bug)
        result = []
        for file in self.inputs(folder, bug):
            small = file.with_name("small")
            environment = dict(os.environ, ASAN_OPTIONS="symbolize=0:detect_leaks=0", UBSAN_OPTIONS="symbolize=0")
            try:
                subprocess.run([folder / "min", file, small], env=environment, stdin=subprocess.DEVNULL,
                               capture_output=True, check=False, timeout=120)
            except subprocess.TimeoutExpired:
                small.unlink(missing_ok=True)
            text = self.run(folder / "fuzz", small if small.exists() else file)
            (file.parent / "small.log").write_text(text)
            verdict = Verdict(text)
            result.append([verdict.key(), verdict.summary(), [name for name, _ in verdict.frames[:5]], verdict.context])
        return result


def report(results):
    by_key = collections.defaultdict(set)
    for name, one in results.items():
        for found in one["keys"]:
            by_key[one["target"], found[0]].add(name)
    own, counts, missed = [], [], []
    for name, one in sorted(results.items()):
        keys = collections.Counter(found[0] for found in one["keys"])
        if not keys:
            missed.append(name)
            continue
        counts.append(len(keys))
        first = keys.most_common(1)[0][0]
        if by_key[one["target"], first] == {name}:
            own.append(name)
        else:
            print(f"{name}: shares {first} with {', '.join(sorted(by_key[one['target'], first] - {name}))}")
    print(f"{len(results)} bugs: {len(own)} with a key of their own; {len(missed)} not found"
          + (f" ({', '.join(missed)})" if missed else ""))
    if counts:
        print(f"keys per bug: median {statistics.median(counts)}, at most {max(counts)}, "
              f"{sum(count > 3 for count in counts)} bugs with more than 3")


def main():
    options = arguments()
    every = [bank.Bug(path.stem) for path in sorted(bank.BUGS.glob("*.patch"))]
    results = {}
    if options.resume and options.json.exists():
        results = json.loads(options.json.read_text())
    wanted = [bank.Bug(name) for name in options.names] or every[::options.sample]
    bugs = [bug for bug in wanted if bug.name not in results]
    builder = Builder(options)
    if bugs:
        builder.shared(sorted({bug.target for bug in bugs}))
    finder = Finder(options, builder)
    begin = time.monotonic()
    failed = False
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(finder.keys, bug): bug for bug in bugs}
        for done in concurrent.futures.as_completed(waiting):
            bug = waiting[done]
            try:
                keys = done.result()
            except (OSError, subprocess.SubprocessError) as error:
                print(f"{bug.name}: {error}", flush=True)
                failed = True
                continue
            results[bug.name] = {"target": bug.target, "keys": keys}
            names = collections.Counter(key[0] for key in keys)
            print(f"{bug.name} | {bug.target} | {len(keys)} inputs | "
                  + ", ".join(f"{key} x{count}" for key, count in names.most_common()), flush=True)
            if options.json:
                fresh = options.json.with_name(options.json.name + ".new")
                fresh.write_text(json.dumps(results, indent=1) + "\n")
                fresh.replace(options.json)
    report(results)
    print(f"{time.monotonic() - begin:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
