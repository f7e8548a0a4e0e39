#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a fuzz campaign does when the disk is full, exactly: an engine that prints libFuzzer's lines and ends
with a finding stands in its place, and one slice is run. The last test fills a file system to its last byte;
it needs a mount namespace and says so where there is none."""
import argparse
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("campaign", ROOT / "fuzz" / "campaign" / "campaign.py")
campaign = importlib.util.module_from_spec(spec)
spec.loader.exec_module(campaign)

ENGINE = """#!/bin/sh
# As libFuzzer: new inputs go to the first folder, what fails to the artifact prefix.
for argument; do
  case $argument in
    -artifact_prefix=*) prefix=${argument#*=} ;;
    -minimize_crash=*) exit 1 ;;
    -*) ;;
    *) if [ -f "$argument" ]; then replay=1; else first=${first:-$argument}; fi ;;
  esac
done
echo "finding: canary: planted (0x0, 0x0)" >&2
[ -z "$replay" ] || exit 77
[ -z "$first" ] || echo input >"$first/new-input"
echo bytes >"${prefix}crash-1"
echo "#5 NEW cov: 7 ft: 9 exec/s: 100" >&2
echo "stat::number_of_executed_units: 1234" >&2
echo "stat::card_events: 99" >&2
exit 77
"""


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        engine = self.home / "build" / "fuzz" / "fuzz_canary"
        engine.parent.mkdir(parents=True)
        engine.write_text(ENGINE)
        engine.chmod(0o755)

    def slice(self, corpus):
        """One slice of the canary: the campaign after it."""
        options = argparse.Namespace(time=1, jobs=1, slice=1, build=self.home / "build",
                                     afl=self.home, corpus=corpus, targets=["canary"])
        one = campaign.Campaign(options)
        one.run_libfuzzer(0, "canary", 1)
        one.save()
        return one

    def findings(self, one):
        self.assertEqual(one.state["runs"], 1234)
        self.assertEqual(one.state["events"], 99)
        self.assertEqual(one.state["found"], {"canary: canary: planted": 1})
        self.assertEqual(one.state["lost"], 0)

    def test_with_room_all_is_kept(self):
        one = self.slice(self.home / "corpus")
        self.findings(one)
        one.tidy()
        kept = self.home / "corpus" / "findings" / "canary-canary-planted"
        self.assertEqual(kept.read_text(), "bytes\n")
        self.assertTrue((self.home / "corpus" / "canary" / "new-input").exists())
        self.assertFalse(one.memory.exists())

    def test_without_room_no_input_is_kept_and_the_finding_is(self):
        usual, campaign.LEAST_FREE = campaign.LEAST_FREE, 1 << 62
        self.addCleanup(setattr, campaign, "LEAST_FREE", usual)
        one = self.slice(self.home / "corpus")
        self.findings(one)
        self.assertEqual((one.memory / "canary-canary-planted").read_text(), "bytes\n")
        self.assertFalse((self.home / "corpus" / "canary").exists())
        one.tidy()  # there is room after all
        self.assertTrue((self.home / "corpus" / "findings" / "canary-canary-planted").exists())
        self.assertFalse(one.memory.exists())

    def test_a_disk_without_a_free_byte(self):
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mount namespace here")
        disk = self.home / "disk"
        disk.mkdir()
        script = f"mount -t tmpfs -o size=9m none {disk} && exec {sys.executable} {__file__} full {disk}"
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def full(self, disk):
        corpus = disk / "corpus"
        with self.assertRaises(OSError), open(disk / "filler", "wb", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass
        one = self.slice(corpus)
        self.findings(one)
        self.assertFalse((corpus / "canary").exists())
        self.assertFalse((corpus / "state.json").exists())
        one.tidy()
        self.assertEqual((one.memory / "canary-canary-planted").read_text(), "bytes\n")
        (disk / "filler").unlink()
        one.save()
        one.tidy()
        self.assertEqual((corpus / "findings" / "canary-canary-planted").read_text(), "bytes\n")
        again = campaign.Campaign(one.options)
        again.tidy()
        self.assertEqual(again.state, one.state)


if __name__ == "__main__":
    if sys.argv[1:2] == ["full"]:
        FullDisk.test_full = lambda self: self.full(pathlib.Path(sys.argv[2]))
        unittest.main(argv=[sys.argv[0], "FullDisk.test_full"])
    unittest.main()
