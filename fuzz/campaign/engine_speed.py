#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/campaign/engine_speed.py [--check] [--seconds N] [--build FOLDER] [--afl FOLDER] [TARGET...]: measures the
targets in an engine: runs and card events per second of processor time, on the committed corpus, and the ratio to an
empty harness that contains nothing of this project (three lines, built here with the same compiler and sanitizers).

Processor time is largely independent of other load. New inputs are written to memory, as a file system's work would
count as the target's. With --check it fails when a ratio is below half of the one in
fuzz/campaign/engine_speed.txt; --write replaces that file.
"""
import argparse
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "fuzz" / "campaign" / "engine_speed.txt"
EMPTY = """#include <cstddef>
#include <cstdint>
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) { return 0; }
"""
HEAD = """# SPDX-License-Identifier: Apache-2.0
# Runs per second of processor time in libFuzzer, card events per second, and the ratio to an empty harness that contains
# nothing of this project, by fuzz/campaign/engine_speed.py (clang 14, ASan, UBSan, committed corpus). CI fails under half
# of the ratio.
"""


def empty_harness(folder):
    source, program = folder / "empty.cpp", folder / "empty"
    source.write_text(EMPTY)
    compiler = os.environ.get("CXX") or subprocess.check_output([ROOT / "tools" / "find-clang"], text=True).strip()
    subprocess.run([compiler, "-O2", "-fsanitize=fuzzer,address,undefined", source, "-o", program], check=True)
    return program


def measure(program, corpus, seconds, folder):
    """Returns (runs, events) per second of processor time."""
    work = pathlib.Path(tempfile.mkdtemp(dir=folder))
    environment = dict(os.environ, HNI_FUZZ_EVENTS=str(work / "events"), ASAN_OPTIONS="symbolize=0:detect_leaks=0")
    (work / "new").mkdir()
    command = [str(program), f"-max_total_time={seconds}", "-print_final_stats=1", "-seed=1", "-timeout=60",
               "-max_len=4096", f"-artifact_prefix={work}/", str(work / "new")] + ([str(corpus)] if corpus else [])
    with open(work / "log", "wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
    text = (work / "log").read_text(errors="replace")
    runs = re.search(r"stat::number_of_executed_units: *(\d+)", text)
    if status != 0 or not runs:
        raise SystemExit(f"{program}: no figures:\n{text[-1000:]}")
    events = (work / "events").read_bytes()[:8] if (work / "events").exists() else b""
    spent = used.ru_utime + used.ru_stime
    shutil.rmtree(work)
    return int(runs[1]) / spent, (struct.unpack("<Q", events)[0] if len(events) == 8 else 0) / spent


def committed():
    lines = TABLE.read_text().splitlines() if TABLE.exists() else []
    return {line.split()[0]: float(line.split()[3]) for line in lines if line and not line.startswith("#")}


def main():
    parse = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parse.add_argument("--check", action="store_true")
    parse.add_argument("--write", action="store_true")
    parse.add_argument("--seconds", type=int, default=10, help="seconds per target (10)")
    parse.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz")
    parse.add_argument("targets", nargs="*")
    options = parse.parse_args()
    before, rows, slow = committed(), [], []
    built = sorted(p.name[5:] for p in (options.build / "fuzz").glob("fuzz_*")
                   if os.access(p, os.X_OK) and p.name != "fuzz_canary")
    names = options.targets or (sorted(before) if options.check else built)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        folder = pathlib.Path(name)
        limit, _ = measure(empty_harness(folder), None, min(options.seconds, 3), folder)
        print(f"{'nothing':<12} {limit:>10.0f} runs/s", flush=True)
        for target in names:
            corpus = ROOT / "corpus" / target
            runs, events = measure(options.build / "fuzz" / f"fuzz_{target}", corpus if corpus.is_dir() else None,
                                   options.seconds, folder)
            ratio = runs / limit
            rows.append(f"{target} {runs:.0f} {events:.0f} {ratio:.6f}")
            print(f"{target:<12} {runs:>10.0f} runs/s {events:>12.0f} events/s  {ratio:.6f} of nothing", flush=True)
            if options.check and ratio < before.get(target, 0) / 2:
                slow.append(f"{target}: {ratio:.6f} is less than half of {before[target]:.6f}")
    if options.write:
        TABLE.write_text(HEAD + "\n".join(rows) + "\n")
    print("\n".join(slow), end="\n" if slow else "")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
