#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/mutants/run.py FILE...: judges mechanical mutants of files of driver/ by the unit tests.

All mutants are in one build and are selected at run time (fuzz/mutants/source.py and mutant.hpp). First each test
program of --tests runs once and reports which places it executes; then each mutant runs in the programs that execute
its place, until one fails or takes ten times as long as usual. A line per survivor, a line per file, and the score.
--equivalent FILE lists survivors that change nothing, as `key -- reason`; they do not count, and one that a test kills
is an error. --sample N judges every N-th mutant, --json keeps all results.
"""
import argparse
import collections
import concurrent.futures
import glob
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

from source import Source

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {  # as in tests/driver/CMakeLists.txt and tests/device/CMakeLists.txt: the sources of each program
    "queue_setup": ["queue_setup_test"], "setup": ["setup_test"], "statistics": ["statistics_test"], "link": ["link_test"],
    "clock": ["clock_test"], "interrupts": ["interrupts_test"], "self_test": ["self_test_test"],
    "rx_filter": ["rx_filter_test", "flow_rules_test"], "pldm": ["pldm_test"],
    "firmware": ["tlv_test", "mailbox_test", "firmware_client_test", "firmware_requests_test", "firmware_transfers_test"],
    "port": ["port_test", "port_traffic_test", "port_recovery_test", "port_life_test"],
}


def arguments():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("--tests", default=",".join(PROGRAMS), help="test programs that judge: " + ",".join(PROGRAMS))
    parse.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "debug", help="generated headers, libraries")
    parse.add_argument("--out", type=pathlib.Path, help="programs (BUILD/mutants)")
    parse.add_argument("--sample", type=int, default=1, help="judge every N-th mutant")
    parse.add_argument("--jobs", type=int, default=os.cpu_count())
    parse.add_argument("--limit", type=float, default=0, help="stop judging after so many seconds; what is left is named")
    parse.add_argument("--equivalent", type=pathlib.Path, default=HERE / "equivalent.txt")
    parse.add_argument("--json", type=pathlib.Path)
    parse.add_argument("files", nargs="+")
    options = parse.parse_args()
    options.build = options.build.resolve()
    options.out = (options.out or options.build / "mutants").resolve()
    options.tests = options.tests.split(",")
    return options


class Build:
    """One program per test, with all mutants that the compiler accepts."""

    def __init__(self, options):
        self.options, self.mutants, self.refused = options, [], set()
        self.tree = options.out / "tree"
        compiler = os.environ.get("CXX", "g++")
        self.compiler = (["ccache"] if shutil.which("ccache") else []) + [compiler]
        self.flags = ["-std=c++20", "-O1", "-w", "-fmax-errors=0", "-include", str(HERE / "mutant.hpp"), f"-I{self.tree}",
                      f"-I{ROOT}", f"-I{options.build}/generated", f"-I{ROOT}/spec/runtime"]

    def write(self):
        shutil.rmtree(self.tree, ignore_errors=True)
        for folder in ("driver", "device"):
            shutil.copytree(ROOT / folder, self.tree / folder)
        self.mutants, self.keys = [], collections.Counter()
        for file in self.options.files:
            source = Source(file, (ROOT / file).read_text(), self.number)
            (self.tree / file).write_text(source.result())

    def number(self, mutant):
        self.keys[mutant.key()] += 1
        mutant.name = mutant.key() + (f" #{self.keys[mutant.key()]}" if self.keys[mutant.key()] > 1 else "")
        if mutant.name in self.refused:
            return None
        self.mutants.append(mutant)
        return len(self.mutants) - 1

    def sources(self):
        found = [f"tests/driver/{name}.cpp" for test in self.options.tests for name in PROGRAMS[test]]
        return found + [f for f in self.options.files if f.endswith(".cpp")]

    def compile(self, source):
        output = self.options.out / (source.replace("/", "_") + ".o")
        where = self.tree / source if source in self.options.files else ROOT / source
        done = subprocess.run([*self.compiler, *self.flags, "-c", str(where), "-o", str(output)], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stderr

    def refuse(self, errors):
        """Leaves out the mutants on the lines that the compiler complains about. Returns how many."""
        before = len(self.refused)
        lines = set(re.findall(rf"{re.escape(str(self.tree))}/(\S+?):(\d+):\d+: (?:fatal )?error", errors))
        lines |= set(re.findall(rf"{re.escape(str(self.tree))}/(\S+?):(\d+):\d+:   required from", errors)) if not lines else set()
        for file, line in lines:
            text = (self.tree / file).read_text().splitlines()[int(line) - 1]
            for number in re.findall(r"mutants::is\((\d+)\)", text):
                self.refused.add(self.mutants[int(number)].name)
        return len(self.refused) - before

    def make(self):
        self.options.out.mkdir(parents=True, exist_ok=True)
        for _ in range(8):
            self.write()
            with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
                results = list(pool.map(self.compile, self.sources()))
            errors = "\n".join(text for code, text in results if code != 0)
            if not errors:
                break
            if not self.refuse(errors):
                sys.exit(errors[:4000])
        else:
            sys.exit("the mutated sources do not compile")
        extra = [str(self.options.out / (f.replace("/", "_") + ".o")) for f in self.options.files if f.endswith(".cpp")]
        for test in self.options.tests:
            objects = [str(self.options.out / f"tests_driver_{name}.cpp.o") for name in PROGRAMS[test]]
            subprocess.run([self.compiler[-1], *objects, *extra, *glob.glob(str(self.options.build / "device" / "lib*.a")),
                            str(self.options.build / "spec" / "libopenhni_spec_tables.a"), "-lgtest", "-lgmock",
                            "-lgtest_main", "-lpcap", "-o", str(self.options.out / test)], check=True)


class Judge:
    def __init__(self, options, build):
        self.options, self.build, self.places, self.usual = options, build, {}, {}
        for test in options.tests:
            file = options.out / f"{test}.reached"
            file.unlink(missing_ok=True)
            begin = time.monotonic()
            if not self.passes(test, dict(os.environ, HNI_MUTANTS_REACHED=str(file)), 600):
                sys.exit(f"{test} fails without a mutant")
            self.usual[test] = time.monotonic() - begin
            self.places[test] = file.read_bytes()

    def passes(self, test, environment, limit):
        def bound():
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            done = subprocess.run([self.options.out / test, "--gtest_fail_fast", "--gtest_brief=1"], env=environment,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=limit, preexec_fn=bound,
                                  cwd=self.options.out)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def killer(self, number):
        """Returns the program that fails, '' if none does, or None if no program executes the place."""
        tests = [test for test in self.options.tests if self.places[test][number]]
        for test in sorted(tests, key=self.usual.get):
            if not self.passes(test, dict(os.environ, HNI_MUTANT=str(number)), 10 * self.usual[test] + 5):
                return test
        return "" if tests else None


def equivalents(file):
    found = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        if line and not line.startswith("#"):
            key, _, reason = line.partition(" -- ")
            if not reason:
                sys.exit(f"{file}: no reason: {line}")
            found[key] = reason
    return found


def main():
    options = arguments()
    begin = time.monotonic()
    build = Build(options)
    build.make()
    judge = Judge(options, build)
    known = equivalents(options.equivalent)
    print(f"{len(build.mutants)} mutants, {len(build.refused)} refused by the compiler; built in "
          f"{time.monotonic() - begin:.0f} s", flush=True)
    chosen = list(range(0, len(build.mutants), options.sample))
    results, late = {}, 0

    def one(number):
        if options.limit and time.monotonic() - begin > options.limit:
            return number, "late"
        return number, judge.killer(number)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, killer in pool.map(one, chosen):
            mutant = build.mutants[number]
            if killer == "late":
                late += 1
                continue
            results[mutant.name] = {"file": mutant.file, "line": mutant.line, "killer": killer}
            if not killer and mutant.name not in known:
                how = "survives" if killer == "" else "is not executed"
                print(f"{mutant.file}:{mutant.line}: {how}: {mutant.what}: {mutant.text}", flush=True)
    wrong = [name for name in known if results.get(name, {}).get("killer")]
    for name in wrong:
        print(f"not equivalent: {name}")
    score = [0, 0]
    for file in options.files:
        mine = [(name, one) for name, one in results.items() if one["file"] == file and name not in known]
        killed = sum(bool(one["killer"]) for _, one in mine)
        score = [score[0] + killed, score[1] + len(mine)]
        equivalent = sum(one["file"] == file and name in known for name, one in results.items())
        print(f"{file}: {killed} of {len(mine)} killed, {equivalent} equivalent")
    by = collections.Counter(one["killer"] for one in results.values() if one["killer"])
    print(f"{score[0]} of {score[1]} killed ({100 * score[0] / max(score[1], 1):.1f} %), by " +
          ", ".join(f"{name} {count}" for name, count in by.most_common()) + (f"; {late} not judged" if late else ""))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if wrong or score[0] != score[1] else 0


if __name__ == "__main__":
    sys.exit(main())
