#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tests/linux/compare: the differences that it reports, and when its check of a table fails."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMPARE = pathlib.Path(__file__).resolve().parent / "compare"


def recording(*phases):
    """Returns a recording of at most five phases, each given as text, with a mark before each phase and after the last."""
    phases = list(phases) + [""] * (5 - len(phases))
    return "mark\n" + "mark\n".join(phases) + "mark\n"


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_on(self, linux, ours, table=None):
        folder = pathlib.Path(self.folder.name)
        (folder / "linux").write_text(linux)
        (folder / "ours").write_text(ours)
        command = [sys.executable, "-B", COMPARE, folder / "linux", folder / "ours"]
        if table is not None:
            (folder / "table").write_text(table)
            command += ["--check", folder / "table"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout + done.stderr).splitlines()

    def rows(self, linux, ours):
        status, lines = self.run_on(linux, ours)
        self.assertEqual(status, 0, lines)
        return lines[:-1]

    def test_the_same_accesses_are_no_difference(self):
        one = recording("w A 0x1\nr B 0x0\n", "w C[0] 0x2\nw C[1] 0x3\n")
        self.assertEqual(self.run_on(one, one), (0, ["2 registers written alike, 1 read alike; 0 differences"]))

    def test_values_swapped_between_elements_are_one(self):
        rows = self.rows(recording("w C[0] 0x2\nw C[1] 0x3\n"), recording("w C[0] 0x3\nw C[1] 0x2\n"))
        self.assertEqual(len(rows), 1)
        self.assertRegex(rows[0], r"^\| `w C` \| attach 2 elements: 0x2, 0x3 \(\w{4}\) \| attach 2 elements: 0x3, 0x2 ")

    def test_a_write_in_another_phase_is_one(self):
        rows = self.rows(recording("w A 0x1\n"), recording("", "w A 0x1\n"))
        self.assertEqual(rows, ["| `w A` | attach 0x1 | start 0x1 | |"])

    def test_repetitions_and_addresses_do_not_count(self):
        linux = recording("", "w QUEUE_TCQ_BAL[0] 0x1000\nw A 0x1\nw A 0x1\n", "w QUEUE_TCQ_HEAD[0] 0x1\n")
        ours = recording("", "w QUEUE_TCQ_BAL[0] 0x2000\nw A 0x1\nw QUEUE_TCQ_HEAD[0] 0x9\n")
        self.assertEqual(self.rows(linux, ours), [])

    def test_a_bit_beside_an_address_counts(self):
        rows = self.rows(recording("w MBX_DESC_LO[0][1] 0x1001\n"), recording("w MBX_DESC_LO[0][1] 0x2003\n"))
        self.assertEqual(rows, ["| `w MBX_DESC_LO` | 0x1 | 0x3 | |"])

    def test_the_order_of_first_writes_is_one(self):
        rows = self.rows(recording("w A_1 0x1\nw A_2 0x1\nw B 0x1\n"), recording("w B 0x1\nw A_2 0x1\nw A_1 0x1\n"))
        self.assertEqual(rows, ["| `order attach` | A B | B A | |", "| `order attach A` | 1 2 | 2 1 | |"])

    def test_the_link_may_come_up_beside_the_queues(self):
        rows = self.rows(recording("", "w MAC_A 0x1\nw B 0x1\n"), recording("", "w B 0x1\nw MAC_A 0x1\n"))
        self.assertEqual(rows, [])

    def test_a_table_must_list_each_difference_with_a_reason(self):
        linux, ours = recording("w A 0x1\n", "r B 0x0\n"), recording("w A 0x2\n")
        good = "| `w A` | attach 0x1 | attach 0x2 | one reason |\n| `r B` | start | - | another |\n"
        self.assertEqual(self.run_on(linux, ours, good)[0], 0)
        for bad, said in (
            (good.replace("| `r B` | start | - | another |\n", ""), "not listed: | `r B` | start | - | |"),
            (good.replace("0x2", "0x3"), "listed otherwise: | `w A` | attach 0x1 | attach 0x2 | |"),
            (good.replace("another", ""), "without a reason: r B"),
            (good + "| `w C` | - | attach 0x1 | gone |\n", "vanished: w C"),
        ):
            status, lines = self.run_on(linux, ours, bad)
            self.assertEqual((status, lines[0]), (1, said))

    def test_a_recording_without_all_phases_is_refused(self):
        status, lines = self.run_on("mark\nw A 0x1\nmark\n", recording())
        self.assertEqual(status, 1)
        self.assertIn("2 marks, not 6", lines[0])


if __name__ == "__main__":
    unittest.main()
