# SPDX-License-Identifier: Apache-2.0
"""Merges several campaign folders into one: `hni fuzz merge OUT FOLDER...`. Inputs are minimised by libFuzzer's -merge=1 (and
by afl-cmin on request), and findings are merged by key."""
import json
import os
import shutil
import subprocess

from .triage import KEEP, load_findings, write_atomically


def merge_corpus(places, target, folders, with_cmin=False):
    """Merges corpus/<target>; returns (inputs before, inputs after)."""
    sources = [folder / "corpus" / target for folder in folders if (folder / "corpus" / target).is_dir()]
    staged = places.memory / "merge" / target
    staged.mkdir(parents=True)
    for source in sources:
        for file in source.iterdir():
            shutil.copyfile(file, staged / file.name)
    before = len(os.listdir(staged))
    out = places.memory / "merged" / target
    out.mkdir(parents=True)
    environment = dict(os.environ, ASAN_OPTIONS="symbolize=0:detect_leaks=0")
    subprocess.run([places.program(target, is_alias=True), "-merge=1", "-timeout=60", out, staged], env=environment, check=True,
                   capture_output=True, cwd=places.memory)
    afl = places.afl and places.afl / "fuzz" / f"fuzz_{target}"
    if with_cmin and afl and afl.exists():
        small = places.memory / "cmin" / target
        subprocess.run(["afl-cmin", "-i", out, "-o", small, "-m", "none", "-t", "30000", "--", afl],
                       env=dict(os.environ, AFL_QUIET="1", AFL_ALLOW_TMP="1"), check=True, capture_output=True,
                       cwd=places.memory)
        out = small
    to = places.folder / "corpus" / target
    to.mkdir(parents=True, exist_ok=True)
    for file in out.iterdir():
        if file.is_file():
            places.add_input(target, file.read_bytes())
    return before, len(os.listdir(to))


def merge_findings(places, folders):
    """Merges findings into one folder per key: the sum of counts, the earliest and latest time, the smallest inputs."""
    for one in [one for folder in folders for one in reversed(load_findings(folder))]:
        source = places.folder.__class__(one.pop("folder"))
        to = places.folder / "findings" / one["target"] / one["key"]
        if source == to:
            continue
        inputs = [f.read_bytes() for base in (source, to) if base.is_dir() for f in base.glob("input*")
                  if f.suffix != ".script"]
        inputs = sorted(set(inputs), key=lambda data: (len(data), data))[:KEEP]
        if not to.is_dir():
            shutil.copytree(source, to)
        else:
            kept = json.loads((to / "finding.json").read_text())
            if one.get("bytes", 0) < kept.get("bytes", 0):
                for name in ("log", "stack", "input.script"):
                    if (source / name).exists():
                        shutil.copyfile(source / name, to / name)
                kept.update({k: one[k] for k in ("bytes", "stack", "numbers", "builds") if k in one})
            kept["count"] += one["count"]
            kept["first"], kept["last"] = min(kept["first"], one["first"]), max(kept["last"], one["last"])
            for engine, count in one["engines"].items():
                kept["engines"][engine] = kept["engines"].get(engine, 0) + count
            write_atomically(to / "finding.json", json.dumps(kept, indent=1) + "\n")
        for n, data in enumerate(inputs):
            (to / ("input" if n == 0 else f"input.{n + 1}")).write_bytes(data)
