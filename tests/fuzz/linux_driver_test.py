# SPDX-License-Identifier: Apache-2.0
"""Tests of `hni fuzz run linux` without a kernel: gcov's counters, what a kernel's log reports, and the mutator."""
import pathlib
import struct
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "fuzz" / "campaign"))
sys.dont_write_bytecode = True

from openhni_campaign.linux_driver import LinuxCampaign, Mutator, gcda_features, report_of  # noqa: E402

GCC12, GCC10 = 0x4232322A, 0x4130322A  # "B22*" and "A02*"


class Counters(unittest.TestCase):
    def features(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "a.gcda"
            file.write_bytes(struct.pack(f"<{len(words)}I", *words))
            return gcda_features(file)

    def test_lengths_in_bytes(self):
        found = self.features(0x67636461, GCC12, 1, 2, 0x01000000, 12, 77, 5, 6, 0x01A10000, 24, 0, 0, 3, 0, 0, 1, 0)
        self.assertEqual(found, {("a.gcda", 77, 2, 2), ("a.gcda", 77, 4, 12)})

    def test_lengths_in_words(self):
        found = self.features(0x67636461, GCC10, 1, 0x01000000, 3, 77, 5, 6, 0x01A10000, 2, 1, 0, 0)
        self.assertEqual(found, {("a.gcda", 77, 0, 1)})

    def test_a_function_that_never_ran(self):
        found = self.features(0x67636461, GCC12, 1, 2, 0x01000000, 12, 77, 5, 6, 0x01A10000, 0xFFFFFFE8, 0)
        self.assertEqual(found, set())


class Reports(unittest.TestCase):
    def test_a_panic_is_named_by_the_function_that_faulted(self):
        log = "RIP: 0033:fbnic_clean_twq0+0x159/0xef0\nKernel panic - not syncing: Segfault with no mm\n fbnic_poll+0x1/0x2\n"
        self.assertEqual(report_of(log), "Kernel panic - not syncing: Segfault with no mm in fbnic_clean_twq0")

    def test_numbers_are_not_part_of_it(self):
        log = "BUG: KASAN: use-after-free in fbnic_poll+0x35/0x4a\n[ 2.1] fbnic_poll+0x35/0x4a\n"
        self.assertEqual(report_of(log), "KASAN: use-after-free in fbnic_poll")
        self.assertEqual(report_of("WARNING: CPU: 0 PID: 12 at skbuff.c:464\n"),
                         report_of("WARNING: CPU: 1 PID: 99 at skbuff.c:464\n"))

    def test_a_good_log(self):
        self.assertEqual(report_of("fbnic 0000:00:00.0 eth0: Link is Up\n"), "")


class Mutations(unittest.TestCase):
    def test_a_seed_repeats(self):
        sites = LinuxCampaign.sites()
        self.assertEqual(len(sites), 53)
        texts = []
        for _ in range(2):
            mutator, text = Mutator(["attach\nsend frames=3 bytes=300\n"], sites, 7), "# moment: 2\nreceive packets=3\n"
            for _ in range(200):
                text = mutator.mutate(text, "cable plugged=0\n")
            texts.append(text)
        self.assertEqual(*texts)

    def test_every_result_is_a_script(self):
        mutator, text = Mutator([], LinuxCampaign.sites(), 3), "# moment: 0\nattach\n"
        for _ in range(500):
            text = mutator.mutate(text, "")
            head, *lines = text.splitlines()
            self.assertRegex(head, r"^# moment: [0-4]$")
            self.assertTrue(1 <= len(lines) <= 40)
            for line in lines:
                self.assertRegex(line, r"^\w+( \w+=\w+)*$")


if __name__ == "__main__":
    unittest.main()
