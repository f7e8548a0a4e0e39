#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the fuzz campaign, with the real engines where they are installed: the canary is built for libFuzzer
(clang) and AFL++ from its five files, which takes seconds, and must be found by both. The rest needs no engine.

HNI_GENERATED names the folder of the generated headers (build/<preset>/generated). Tests that need an engine are
skipped, and say so, where it is missing.
"""
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "fuzz" / "campaign"))

from openhni_campaign import display, engines, merge, places, report, state, triage  # noqa: E402

CAMPAIGN = ROOT / "fuzz" / "campaign" / "campaign.py"
GENERATED = os.environ.get("HNI_GENERATED", str(ROOT / "build" / "debug" / "generated"))
CLANG = subprocess.run([ROOT / "tools" / "find-clang"], capture_output=True, text=True, check=False).stdout.strip() or None
AFL_DRIVER = pathlib.Path("/usr/lib/afl/libAFLDriver.a")
HAS_AFL = bool(shutil.which("afl-fuzz") and shutil.which("afl-clang-fast++") and AFL_DRIVER.exists())
SOURCES = ["targets/canary_fuzz", "script/finding", "script/run_target", "script/script", "script/operation_list",
           "script/mutator", "engine/engine_entry"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

STACK = """finding: stream: another head is believed (0x1, 0xc)
context: operation=head site=tcd_head event=tcd_head
    #0 0x55d0 in __sanitizer_print_stack_trace (/x/fuzz_tx+0x1)
    #7 0x55d1 in abort stdlib/abort.c:79:7
    #8 0x55d2 in hni::fuzz::finding(std::basic_string_view<char>, unsigned long) /src/o/fuzz/script/finding.cpp:40:8
    #9 0x55d3 in hni::fuzz::require(bool) /src/o/fuzz/script/finding.hpp:21:5
    #10 0x55d4 in hni::fuzz::RingWorld::check_tx(unsigned long) /src/o/fuzz/worlds/ring_world.hpp:380:5
    #11 0x55d5 in hni::fuzz::(anonymous namespace)::Interpreter::run(hni::RingOp) const /src/o/fuzz/worlds/ring_script.cpp:30:1
"""


def build(folder, compiler, engine, options):
    (folder / "fuzz").mkdir(parents=True)
    environment = dict(os.environ, AFL_QUIET="1")
    objects = []
    for name in SOURCES:
        objects.append(folder / (pathlib.Path(name).name + ".o"))
        subprocess.run([compiler, "-std=c++20", "-O1", "-g1", *options, "-DHNI_FUZZ_TARGET=canary", f"-I{ROOT}",
                        f"-I{ROOT}/spec/runtime", f"-I{GENERATED}", "-c", ROOT / "fuzz" / f"{name}.cpp", "-o",
                        objects[-1]], check=True, env=environment)
    subprocess.run([compiler, *options, *objects, engine, "-o", folder / "fuzz" / "fuzz_canary"], check=True,
                   env=environment)


class Verdicts(unittest.TestCase):
    def test_a_key_has_oracle_text_and_frames_outside_of_the_oracle(self):
        verdict = triage.Verdict(STACK)
        self.assertEqual((verdict.oracle, verdict.what), ("stream", "another head is believed"))
        self.assertEqual(verdict.numbers, ("0x1", "0xc"))
        self.assertEqual([name for name, _ in verdict.frames],
                         ["hni::fuzz::RingWorld::check_tx", "hni::fuzz::Interpreter::run"])
        self.assertRegex(verdict.key(), r"^stream-another-head-is-believed-[0-9a-f]{8}$")

    def test_a_key_does_not_depend_on_numbers_lines_and_addresses(self):
        other = STACK.replace("0x1, 0xc", "0x2, 0xff").replace(":380:", ":391:").replace("0x55d", "0x77e")
        self.assertEqual(triage.Verdict(STACK).key(), triage.Verdict(other).key())

    def test_a_key_depends_on_site_operation_event_and_frames(self):
        keys = {triage.Verdict(text).key() for text in (
            STACK, STACK.replace("site=tcd_head", "site=tcd_type"), STACK.replace("operation=head", "operation=poll"),
            STACK.replace("event=tcd_head", "event=queue_reset"), STACK.replace("check_tx", "check_rx"))}
        self.assertEqual(len(keys), 5)

    def test_sanitizers_and_timeouts_have_verdicts(self):
        for text, oracle, what in (
                ("==1==ERROR: AddressSanitizer: heap-use-after-free on address", "AddressSanitizer", "heap-use-after-free"),
                ("x.hpp:4:5: runtime error: shift exponent 64 is", "UndefinedBehaviorSanitizer", "shift exponent 64 is"),
                ("==1== libFuzzer: timeout after", "libFuzzer", "timeout"),
                ("a: Assertion `x == 1' failed.", "assert", "x == 1")):
            verdict = triage.Verdict(text)
            self.assertEqual((verdict.oracle, verdict.what), (oracle, what))
        self.assertFalse(triage.Verdict("all is well"))


class Display(unittest.TestCase):
    def document(self, count):
        one = {"runs": 10**9, "runs_per_second": 123456.0, "mean_runs_per_second": 1.0, "events_per_second": 1e9,
               "events": 1e12, "edges": 123456, "corpus": 1234567, "findings": 12345, "stability": "100.00%", "new": 7,
               "seconds": 1.0, "seconds_since_new": 1e6, "engines": {"afl-main": {"running": True, "runs": 3},
                                                                     "libfuzzer": {"running": True, "runs": 3}}}
        return {"host": "h" * 20, "state": "running", "elapsed": 1e7, "total": dict(one, risk=1.234e-10),
                "targets": {f"a_long_target_name{n}": one for n in range(count)}}

    def test_it_fits_79_columns_and_24_rows(self):
        for count in (1, 12, 18, 40):
            rows = display.table(self.document(count))
            self.assertLessEqual(len(rows), 22)
            self.assertLessEqual(max(map(len, rows)), 79)
            self.assertIn("risk 1e-10", rows[-1])
            self.assertIn("12.3k", rows[-1])

    def test_messages_of_many_lines_stay_within_the_screen(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True
        out = Terminal()
        shown = display.Display(out)
        for n in range(30):
            shown.message("x" * 200 + "\n" + str(n))
        shown.show(self.document(14), 0)
        rows = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", out.getvalue()).splitlines()
        self.assertLessEqual(len(rows), 24)
        self.assertLessEqual(max(map(len, rows)), 79)


class Reports(unittest.TestCase):
    def test_html_sarif_and_junit_name_the_finding(self):
        status = Display().document(2)
        finding = {"target": "a_long_target_name0", "key": "k-1", "oracle": "stream", "text": "a < b", "count": 3,
                   "first": 0.0, "last": 1.0, "engines": {"afl": 3}, "builds": {"asan+ubsan": True}, "bytes": 4,
                   "stack": ["hni::f driver/queues/rx.hpp:12"]}
        page = report.html_report(status, [finding], lambda _: pathlib.Path("/nonexistent"))
        self.assertIn("a &lt; b", page)
        sarif = json.loads(report.sarif_report(status, [finding]))
        place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        self.assertEqual((place["artifactLocation"]["uri"], place["region"]["startLine"]), ("driver/queues/rx.hpp", 12))
        suite = xml.fromstring(report.junit_report(status, [finding]).split("\n", 1)[1])
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("2", "1"))
        self.assertEqual(suite.find("testcase/failure").get("message"), "a < b")


class FakeEngines(unittest.TestCase):
    """Stub programs in place of the engines reproduce failures that real engines show rarely."""

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        self.build = self.home / "build"
        (self.build / "fuzz").mkdir(parents=True)

    def program(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def campaign(self, *words, folder="c", path=None, seconds="2"):
        environment = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"])
        return subprocess.run([sys.executable, CAMPAIGN, "run", "--dir", self.home / folder, "--time", seconds, "--jobs",
                               "2", "--build", self.build, "--afl", self.home / "afl", "--host", "h", *words],
                              capture_output=True, text=True, env=environment, check=False, timeout=120)

    LIBFUZZER = 'echo "#1234: cov: 7 ft: 9 corp: 3 exec/s: 100 oom/timeout/crash: 0/0/0 time: 1s" >&2; sleep 1\n'

    def test_an_engine_that_does_not_start_is_reported_with_its_last_lines(self):
        self.program(self.build / "fuzz" / "fuzz_rx", self.LIBFUZZER)
        self.program(self.home / "afl" / "fuzz" / "fuzz_rx", "exit 0\n")
        self.program(self.home / "bin" / "afl-fuzz", 'echo "PROGRAM ABORT : no luck today"; exit 1\n')
        done = self.campaign("rx", path=self.home / "bin")
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("rx/afl-main DID NOT START", done.stdout)
        self.assertIn("PROGRAM ABORT : no luck today", done.stdout)
        self.assertIn("exit status 1", done.stdout)
        self.assertIn("rx/afl-main never ran", done.stdout)
        status = json.loads((self.home / "c" / "status.json").read_text())
        self.assertGreaterEqual(status["targets"]["rx"]["engines"]["afl-main"]["failed_starts"], 1)
        self.assertEqual(status["targets"]["rx"]["engines"]["libfuzzer"]["runs"] % 1234, 0)

    def test_an_engine_that_is_killed_is_counted_and_restarted(self):
        self.program(self.build / "fuzz" / "fuzz_rx", self.LIBFUZZER + "kill -9 $$\n")
        done = self.campaign("rx", seconds="12")
        self.assertIn("rx/libfuzzer ended with -9 after 1234 runs", done.stdout)
        status = json.loads((self.home / "c" / "status.json").read_text())
        self.assertGreaterEqual(status["lost"], 1)
        self.assertGreaterEqual(status["engines"]["rx/libfuzzer"]["starts"], 2)

    def test_a_resumed_campaign_counts_on(self):
        self.program(self.build / "fuzz" / "fuzz_rx", self.LIBFUZZER)
        self.campaign("rx")
        first = json.loads((self.home / "c" / "status.json").read_text())
        done = self.campaign("rx")
        second = json.loads((self.home / "c" / "status.json").read_text())
        self.assertIn(f"resumed after {first['total']['runs']} runs", done.stdout)
        self.assertGreater(second["total"]["runs"], first["total"]["runs"])
        self.assertGreater(second["elapsed"], first["elapsed"])
        self.assertEqual(second["started"], first["started"])

    def test_wrong_words_are_named(self):
        self.program(self.build / "fuzz" / "fuzz_rx", "exit 0\n")
        for words, text in ((["tx"], "target 'tx' is not built"), (["--engines", "afll", "rx"], "invalid engine 'afll'"),
                            (["--jobs", "0", "rx"], "--jobs and --time must be positive")):
            done = self.campaign(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)

    def test_a_folder_that_cannot_be_written_to_is_named(self):
        self.program(self.build / "fuzz" / "fuzz_rx", "exit 0\n")
        (self.home / "file").write_text("")
        done = self.campaign("rx", folder="file/c")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cannot write to", done.stderr)

    def test_a_disk_without_a_free_byte(self):
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no mount namespace here")
        self.program(self.build / "fuzz" / "fuzz_rx", """for a; do case $a in
  -artifact_prefix=*) prefix=${a#*=} ;; -*) ;; *) [ -f "$a" ] && { echo 'finding: stream: planted (0x0, 0x0)' >&2; exit 77; } ;;
esac; done
[ -z "$prefix" ] || echo bytes >"${prefix}crash-1"
""" + self.LIBFUZZER)
        disk = self.home / "disk"
        disk.mkdir()
        script = (f"mount -t tmpfs -o size=9m none {disk} && mkdir -p {disk}/c/corpus/rx {disk}/c/findings "
                  f"{disk}/c/incoming {disk}/c/engines && echo 1 >{disk}/c/corpus/rx/one && "
                  f"{{ cat /dev/zero >{disk}/filler 2>/dev/null; truncate -s -4096 {disk}/filler; }}; "
                  f"{sys.executable} {CAMPAIGN} run --dir {disk}/c --seeds {self.home} --time 3 --jobs 1 "
                  f"--build {self.build} --afl {self.home} --host h rx; echo status $?; rm {disk}/filler; "
                  f"{sys.executable} {CAMPAIGN} run --dir {disk}/c --seeds {self.home} --time 2 --jobs 1 "
                  f"--build {self.build} --afl {self.home} --host h rx; ls {disk}/c/findings/rx")
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False,
                              timeout=180)
        self.assertIn("disk full", done.stdout, done.stderr)
        self.assertIn("FINDING rx: stream-planted", done.stdout)
        self.assertIn("status 1", done.stdout)
        self.assertRegex(done.stdout.splitlines()[-1], "^stream-planted-")  # once there is room


@unittest.skipUnless(CLANG and pathlib.Path(GENERATED).is_dir(), "needs clang and the generated headers")
class RealEngines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = pathlib.Path(tempfile.mkdtemp(prefix="a folder, with a comma"))
        cls.build, cls.afl = cls.home / "b u,ild", cls.home / "afl"
        build(cls.build, CLANG, "-fsanitize=fuzzer", [*SANITIZE, "-fsanitize=fuzzer-no-link", "-DHNI_FUZZ_MUTATOR"])
        if HAS_AFL:
            build(cls.afl, "afl-clang-fast++", AFL_DRIVER, SANITIZE)
            library = cls.afl / "mutator" / "libhni_afl_mutator.so"
            library.parent.mkdir()
            parts = ["engine/afl_mutator", "script/message_mutator", "script/mutator", "script/operation_list",
                     "script/script"]
            subprocess.run([CLANG, "-shared", "-fPIC", "-std=c++20", "-O1", f"-I{ROOT}", f"-I{ROOT}/spec/runtime",
                            f"-I{GENERATED}", *[ROOT / "fuzz" / f"{p}.cpp" for p in parts], "-o", library], check=True)
        seeds = cls.home / "seeds" / "canary"
        seeds.mkdir(parents=True)
        (seeds / "a name, with \n everything").write_bytes(bytes(8))
        seeds.chmod(0o555)

    @classmethod
    def tearDownClass(cls):
        (cls.home / "seeds" / "canary").chmod(0o755)
        shutil.rmtree(cls.home)

    def command(self, folder, seconds, *words):
        return [sys.executable, CAMPAIGN, "run", "--dir", self.home / folder, "--time", str(seconds), "--build",
                self.build, "--afl", self.afl, "--host", "h", "--seeds", self.home / "seeds", *words, "canary"]

    def run_until_found(self, engine, folder):
        """Runs until there is a finding, however long that takes on a loaded machine."""
        child = subprocess.Popen(self.command(folder, 300, "--jobs", "1", "--engines", engine), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        lines = []
        for line in child.stdout:
            lines.append(line)
            if line.startswith("FINDING") or "DID NOT START" in line or "ran nothing" in line:
                child.send_signal(signal.SIGINT)
        child.wait()
        child.stdout.close()
        text = "".join(lines)
        self.assertEqual(child.returncode, 1, text)
        self.assertIn("stopped: interrupted", text)
        self.assertNotIn("DID NOT START", text)
        status = json.loads((self.home / folder / "status.json").read_text())
        self.assertEqual(status["lost"], 0, text)  # an interrupt does not count as a lost engine
        self.assertEqual(status["state"], "stopped")
        findings = triage.load_findings(self.home / folder)
        self.assertGreaterEqual(len(findings), 1)
        for one in findings:
            kept = pathlib.Path(one["folder"])
            self.assertTrue(one["builds"]["asan+ubsan"])
            again = subprocess.run((kept / "replay").read_text(), shell=True, capture_output=True, check=False)
            self.assertNotEqual(again.returncode, 0)  # the line can be pasted into a shell
        return status

    def test_libfuzzer_finds_the_canary(self):
        status = self.run_until_found("libfuzzer", "lf, 1")
        log = (self.home / "lf, 1" / "engines" / "canary" / "libfuzzer.log").read_text(errors="replace")
        last = 0
        for turn in log.split("-fork=1: fuzzing in separate process(s)"):
            last += max([int(n) for n in re.findall(r"^#(\d+): cov", turn, re.M)] or [0])
        self.assertEqual(status["targets"]["canary"]["engines"]["libfuzzer"]["runs"], last)

    @unittest.skipUnless(HAS_AFL, "needs afl++")
    def test_afl_finds_the_canary_with_our_mutator(self):
        status = self.run_until_found("afl", "afl, 1")
        stats = (self.home / "afl, 1" / "afl" / "canary" / "h-main" / "fuzzer_stats").read_text()
        done = int(re.search(r"execs_done\s*: (\d+)", stats)[1])
        runs = status["targets"]["canary"]["engines"]["afl-main"]["runs"]
        self.assertLessEqual(abs(runs - done), done / 100)
        log = (self.home / "afl, 1" / "engines" / "canary" / "afl-main.log").read_text(errors="replace")
        self.assertIn("libhni_afl_mutator.so", log)

    def test_merge_joins_inputs_and_findings(self):
        for name in ("m1", "m2"):
            folder = self.home / name
            (folder / "corpus" / "canary").mkdir(parents=True)
            for n in range(20):
                data = bytes([n % 4, n % 3, 0, 0]) * (1 + n % 5)
                (folder / "corpus" / "canary" / places.content_name(data)).write_bytes(data)
            found = folder / "findings" / "canary" / "key-1"
            found.mkdir(parents=True)
            (found / "input").write_bytes(b"\x03" * (8 if name == "m1" else 4))
            (found / "finding.json").write_text(json.dumps({
                "target": "canary", "key": "key-1", "count": 2, "first": 1.0 if name == "m1" else 0.5, "last": 2.0,
                "engines": {"afl": 2}, "oracle": "x", "text": "y", "bytes": 8 if name == "m1" else 4}))
        done = subprocess.run([sys.executable, CAMPAIGN, "merge", self.home / "out", self.home / "m1", self.home / "m2",
                               "--build", self.build, "--afl", self.afl], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        one, = triage.load_findings(self.home / "out")
        self.assertEqual((one["count"], one["first"], one["engines"]), (4, 0.5, {"afl": 4}))
        self.assertEqual((pathlib.Path(one["folder"]) / "input").stat().st_size, 4)
        kept = list((self.home / "out" / "corpus" / "canary").iterdir())
        self.assertTrue(0 < len(kept) < 20)


if __name__ == "__main__":
    unittest.main()
