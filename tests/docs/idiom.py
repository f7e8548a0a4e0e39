#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that comments and messages use the field's terms (CONTRIBUTING.md, "Language").

    tests/docs/idiom.py              checks the folders in CHECKED
    tests/docs/idiom.py --self-test  checks that the old idiom is found, and that good text passes

A hit is answered by a better word. Only where a word is right as it stands does it get a line in ALLOWED, with the reason.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECKED = ("driver/", "device/", "vfio_user/", "vhost_user/", "tools/", "fuzz/", "trace/", "bench/", "tests/", "proofs/", "spec/",
           "cmake/", ".ci/", "docs/", "CMakeLists.txt", "run", "test")
KINDS = (".hpp", ".cpp", ".def", ".sh", ".cmake", "CMakeLists.txt", ".bt", ".py", "run", "test", "check")
# Inputs of tests, and text that others wrote.
SKIPPED = re.compile(r"^(fuzz/bugs/|tests/spec/|tests/docs/|docs/.*\.(md|svg|dot)$|proofs/mutation/mutants\.json)")

# pattern -> what to write instead
RULES = [
    (r"(?i)\b(nobody|somebody|whoever|anybody)\b", "name the actor: the caller, another process, no listener"),
    (r"(?i)\b(give|gives|gave|given|giving) back\b", "free, return, release, complete"),
    (r"(?i)\b(tells?|told) (the|its|a|an|of|that|whether|what|which|when|how)\b", "report, trace, notify, write"),
    (r"(?i)\b(hears?|heard)\b", "receive, read"),
    (r"(?i)(?<!there )\b(is|are) none\b(?! of)", "none, not an X, invalid X"),
    (r"(?i)\bthat there (is|are) not\b", "invalid X, no such X"),
    (r"(?i)\bliars?\b|\b(a|the|one|each|no|every) lie\b|\blies? (about|to|in both)\b|\btold a lie\b", "fault, injected fault"),
    (r"(?i)\bunder way\b", "outstanding, in flight"),
    (r"(?i)\bfor ever\b", "forever, unbounded"),
    (r"(?i)\bone word too many\b|\bin peace\b|\bjudge otherwise\b", "unexpected argument; without faults; disagree"),
    (r"(?i)\btakes nothing\b", "applies back-pressure, stops accepting"),
    (r"(?i)\bbehind (the|a|an|it|them|each|all|this|that|one|its)\b(?! (\S+ )?(socket|IOMMU))", "after, beyond"),
    (r"(?i)\b(comes?|came) to rest\b|\bcome to nothing\b", "becomes idle"),
    (r"(?i)\b(said|stated) a second time\b", "a second description, a model"),
    (r"(?i)\ba (second|packet|frame|line|ring|queue|message|descriptor|event|turn|card|core|poll), (in|for) their\b", "per X"),
    (r"(?i)\b(us|ns|bytes?|instructions?|rows?|line) a (packet|frame|event|ring|file|second)\b", "per packet, per second"),
    (r"(?i)\b(tracer|client|front-end|reader) came\b", "attached, connected"),
    (r"(?i)\b(is|are|was|were) (lent|hired)\b|\blends?\b|\bwhat is lent\b", "posted to the device"),
    (r"(?i)\bwhoever\b|\bnowhere to\b|\bas ever\b|\bof no account\b|\bits like\b|\bforlorn\b|\bby hand and by\b", "plain English"),
    (r"(?i)\b(back|up|down|here|there) meanwhile\b|\bwhere the client lets us\b|\bturned away\b", "refused"),
    (r"(?i)\bin (its|the) place stands\b|\bstands? (beside|behind|for it)\b", "is next to, after, replaces"),
    (r"(?i)\bin silence\b|\bat hand\b|\bfor want of\b", "silently; available; for lack of"),
    (r"(?i)\bthe card('s)? (lies|lied|vanish(es|ed)?)\b|\bvanish(es|ed|ing)\b", "injected fault; surprise removal"),
    (r"(?i)\bhonest\b|\btime stamps?\b", "well-behaved; timestamp"),
    (r"(?i)\bas (is|are|was|were) the (way|habit)\b|\bno business\b", "report it"),
]
# (file, text of the line) -> reason
ALLOWED = [
    (r"driver/firmware/firmware_client\.hpp", r"owned\(\) tells when", "a function that reports"),
    (r"fuzz/seeds/", r"-nobody-|\"nobody-|vanish|class=honest", "names of corpus files, operations and classes"),
    (r"(device/host_interposer|fuzz/(fault/fault_script_player|script/field_faults)|tools/hni/scripted_card)\.", r"honest",
     "the name of a parameter, a fault class and a JSON key"),
    (r"tests/", r"user = \"nobody\"|-nobody\"|vanished: w C", "a user, a path, a message under test"),
    (r"tools/hni/", r"behind an IOMMU", "where the device is"),
    (r"driver/core/types\.hpp", r"number behind an enumerator", "the usual name of an enumerator's value"),
]
TEXT = re.compile(r'//[^\n]*|(?:^|\s)#[^\n]*|"(?:\\.|[^"\\\n])*"')


def problems_in(name, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#include") or any(re.match(f, name) and re.search(t, line) for f, t, _ in ALLOWED):
            continue
        for piece in TEXT.findall(line):
            for pattern, better in RULES:
                if hit := re.search(pattern, piece):
                    found.append(f"{name}:{number}: '{hit[0]}': write {better}")
    return found


def main():
    if sys.argv[1:] == ["--self-test"]:
        bad = ["// Whoever used the card before.", "// Gives back what it holds.", "// Tells the observer.",
               "// a size that is none", "// bytes behind the header", "// 15 messages are under way",
               'x("model and driver judge otherwise");']
        for text in bad:
            assert problems_in("driver/a.hpp", text), text
        good = "// Frees the descriptors after the header.\nint tells_the(int behind_the);\n// The frame lies inside the buffer."
        assert not problems_in("driver/a.hpp", good)
        return 0
    listing = subprocess.run(["git", "ls-files", *CHECKED], cwd=ROOT, capture_output=True, text=True)
    names = [n for n in listing.stdout.split() if n.endswith(KINDS) and not SKIPPED.match(n)]
    if not names:
        print("no files: not in a git repository")
        return 77
    found = [p for n in names for p in problems_in(n, (ROOT / n).read_text())]
    print(*found, sep="\n")
    print(f"{len(names)} files, {len(found)} problems")
    return 1 if found else 0


sys.exit(main())
