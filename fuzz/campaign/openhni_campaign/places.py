# SPDX-License-Identifier: Apache-2.0
"""Locates programs, seeds and the parts of a campaign.

A campaign folder holds
    corpus/<target>/           inputs that all engines of all turns share, named by their SHA-1
    afl/<target>/<instance>/   AFL++'s own folders, possibly next to those of other hosts
    engines/<target>/*.log     output of each engine
    incoming/<target>/         failing inputs that triage has not examined yet
    findings/<target>/<key>/   one folder per finding: see triage.py
    status.json                figures of the campaign, replaced atomically; a resumed campaign starts from it
    log                        one line per event, with its time
"""
import hashlib
import os
import pathlib
import shutil
import tempfile

# fuzz/ and corpus/ are siblings in the source tree and in share/openhni of an installation.
ROOT = pathlib.Path(__file__).resolve().parents[3]
LEAST_FREE = 8 << 20  # bytes
NOT_FUZZED = ("canary", "empty")  # planted bugs and the speed reference: only run when named explicitly


def targets_of(build):
    return sorted(p.name[5:] for p in (build / "fuzz").glob("fuzz_*") if os.access(p, os.X_OK) and "." not in p.name)


def content_name(data):
    return hashlib.sha1(data).hexdigest()


class Places:
    def __init__(self, folder, build, afl=None, honggfuzz=None, seeds=None):
        self.folder = folder.resolve()
        self.build, self.afl, self.honggfuzz = build.resolve(), afl and afl.resolve(), honggfuzz and honggfuzz.resolve()
        self.seeds = seeds or ROOT / "corpus"
        # Stores what must survive a full disk. Engines also access the campaign folder by this name, because
        # libFuzzer splits lists of files at commas and its minimiser splits at spaces.
        shared = pathlib.Path("/dev/shm")
        usable = shared.is_dir() and os.access(shared, os.W_OK)
        self.memory = pathlib.Path(tempfile.mkdtemp(prefix="hni-fuzz-", dir=shared if usable else None))

    def open(self):
        """Creates the folder. Raises OSError if it is not writable."""
        for name in ("corpus", "findings", "incoming", "engines"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.memory / "c").symlink_to(self.folder)
        (self.memory / "b").symlink_to(self.build)  # libFuzzer starts its children through a shell, without quotes
        if self.afl:  # AFL++ splits its list of mutators at commas and colons
            (self.memory / "a").symlink_to(self.afl)
            self.afl = self.memory / "a"
        probe = self.folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()

    def alias(self, *parts):
        """Returns a path to the campaign folder without spaces and commas."""
        return self.memory.joinpath("c", *parts)

    def program(self, target, is_alias=False):
        return (self.memory / "b" if is_alias else self.build) / "fuzz" / f"fuzz_{target}"

    def tool(self):
        """Returns the path of `hni-fuzz` of the sanitizer build, if it was built."""
        tool = self.build / "libexec" / "openhni" / "hni-fuzz"
        return tool if tool.exists() else None

    def dictionary(self):
        return self.memory / "b" / "generated" / "openhni" / "spec" / "fbnic.dict"

    def has_room(self):
        return shutil.disk_usage(self.folder).free > LEAST_FREE

    def incoming(self, target):
        """Returns the folder for failing inputs: in memory while the disk is full."""
        place = (self.folder if self.has_room() else self.memory) / "incoming" / target
        place.mkdir(parents=True, exist_ok=True)
        return place

    def add_input(self, target, data):
        """Adds an input to the shared corpus; returns False if it is already present."""
        to = self.folder / "corpus" / target / content_name(data)
        if to.exists():
            return False
        fresh = self.memory / to.name
        fresh.write_bytes(data)
        try:
            shutil.copyfile(fresh, to)
        except OSError:
            to.unlink(missing_ok=True)
            raise
        finally:
            fresh.unlink()
        return True

    def import_seeds(self, target):
        """Copies the committed corpus to names that every engine accepts; an engine needs at least one input."""
        (self.folder / "corpus" / target).mkdir(exist_ok=True)
        seeds = self.seeds / target
        for file in sorted(seeds.rglob("*")) if seeds.is_dir() else []:
            if file.is_file():
                self.add_input(target, file.read_bytes())
        if not any((self.folder / "corpus" / target).iterdir()):
            self.add_input(target, bytes(4))

    def close(self):
        """Moves files from memory to the folder; reports and keeps those that do not fit."""
        kept = []
        for part in ("incoming", "findings"):
            for file in sorted(f for f in (self.memory / part).rglob("*") if f.is_file()):
                to = self.folder / file.relative_to(self.memory)
                try:
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, to)
                    file.unlink()
                except OSError:
                    to.unlink(missing_ok=True)
                    kept.append(file)
        if not kept:
            shutil.rmtree(self.memory, ignore_errors=True)
        return kept
