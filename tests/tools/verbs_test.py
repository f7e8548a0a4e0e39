#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""verbs_test.py HNI SOURCE: every verb of the command, enumerated from its own help, loses no output and has its forms.

Each verb has a call below; a verb without one fails, and so does a call of a verb that does not exist. A call has to end
with status 0 and print something; the same into /dev/full has to end with another status and one line that says why.
`hni help OBJECT VERB` has to print what `hni OBJECT VERB --help` prints. The JSON form of a call, where it has one, has
to parse. Lines of help are at most 79 columns wide.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HNI, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
TARGET, SCRIPT = "rx", str(SOURCE / "corpus/rx/header_id-above")
RDL = str(SOURCE / "spec/fbnic.rdl")
# (object, verb): words of the call, words that make it print JSON (None: prints text in a form of its own)
CALLS = {
    ("run", ""): (["--generator", "--packets", "10"], ["-j"]),
    ("device", ""): (["--socket", "SOCKET", "--wire", "loop", "--duration", "0.1"], ["-j"]),
    ("port", "list"): ([], ["-j"]),
    ("port", "stats"): (["--pid", "PID"], ["-j"]),
    ("port", "link"): (["--pid", "PID"], ["-j"]),
    ("port", "rings"): (["--pid", "PID"], ["-j"]),
    ("port", "fw"): (["--pid", "PID"], ["-j"]),
    ("port", "regs"): (["--pid", "PID", "QUEUE_TWQ0_CTL[0]"], ["-j"]),
    ("port", "inject"): (["hni0", "rcd_header_length", "0", "--pid", "PID"], ["-j"]),
    ("trace", ""): ([], ["-j"]),
    ("spec", "dump"): ([RDL], None),
    ("spec", "json"): ([RDL], []),
    ("spec", "html"): ([RDL], None),
    ("spec", "c-header"): ([RDL], None),
    ("spec", "structs"): ([RDL], None),
    ("spec", "markdown"): ([RDL], None),
    ("spec", "svd"): ([RDL], None),
    ("spec", "ipxact"): ([RDL], None),
    ("spec", "python"): ([RDL], None),
    ("spec", "print"): ([RDL], None),
    ("spec", "dictionary"): ([RDL], None),
    ("spec", "bpftrace"): ([RDL], None),
    ("spec", "c-header-check"): ([RDL], None),
    ("spec", "decode"): (["BAR0", "0x3106c", "0x12345678"], None),
    ("spec", "find"): (["PAUSE"], None),
    ("fuzz", "list"): ([], ["-j"]),
    ("fuzz", "show"): ([TARGET, SCRIPT], None),
    ("fuzz", "replay"): ([TARGET, SCRIPT], None),
    ("fuzz", "speed"): ([TARGET, SCRIPT, "0.01"], None),
    ("prove", ""): (["--list"], None),
}
# Verbs that print nothing where they succeed, or take minutes or other processes: only their help is called.
HELP_ONLY = {
    ("attach", ""): "tests/install drives it", ("linux", ""): "boots a kernel",
    ("port", "go"): "run_test.sh", ("spec", "compile"): "writes files", ("spec", "diff"): "prints nothing about equal specs",
    ("fuzz", "build"): "writes a file", ("fuzz", "min"): "needs a finding: docs/debugging.md",
    ("fuzz", "record"): "needs a recording: tests/trace", ("fuzz", "seeds"): "writes files",
    ("fuzz", "run"): "campaign_test.py", ("fuzz", "status"): "campaign_test.py", ("fuzz", "report"): "campaign_test.py",
    ("fuzz", "merge"): "campaign_test.py", ("fuzz", "cover"): "builds", ("fuzz", "bugs"): "builds",
}
faults = []


def call(*words, **options):
    return subprocess.run([HNI, *words], text=True, stdin=subprocess.DEVNULL, check=False, timeout=240,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


def check(good, *words):
    if not good:
        faults.append(" ".join(str(word) for word in words))


def verbs():
    """[(object, verb)] as CLI11 prints them; verb is '' for an object that works by itself."""
    objects = re.findall(r"^  ([a-z]+)  ", call("help").stdout, re.M)
    for name in objects:
        text = call(name, "--help")
        if "cannot execute" in text.stderr:
            continue  # this build does not have it
        found = re.findall(r"^  ([a-z][a-z-]*)(?:  |\n)", text.stdout.partition("Subcommands:")[2], re.M)
        yield from ((name, verb) for verb in found or [""])


def check_help(name, verb):
    words = [name, verb] if verb else [name]
    text = call(*words, "--help")
    check(text.returncode == 0 and text.stdout, *words, "--help:", text.returncode, text.stderr)
    check(call("help", *words).stdout == text.stdout, "help", *words, "is not", *words, "--help")
    wide = [line for line in text.stdout.splitlines() if len(line) > 79]
    check(not wide, *words, "--help is wider than 79 columns:", wide)
    with open("/dev/full", "w") as full:
        lost = call(*words, "--help", stdout=full)
    check(lost.returncode != 0 and lost.stderr, *words, "--help >/dev/full: status", lost.returncode)


def check_call(name, verb, words, form):
    line = [name, verb, *words] if verb else [name, *words]
    done = call(*line)
    check(done.returncode == 0 and done.stdout, *line, "status", done.returncode, done.stderr)
    with open("/dev/full", "w") as full:
        lost = call(*line, stdout=full)
    check(lost.returncode != 0 and lost.stderr, *line, ">/dev/full: status", lost.returncode)
    if form is None:
        return
    done = call(*line, *form)
    try:
        try:
            json.loads(done.stdout)
        except ValueError:
            for text in done.stdout.splitlines():
                json.loads(text)
        check(done.stdout, *line, *form, "prints nothing", done.stderr)
    except ValueError as error:
        check(False, *line, *form, "is no JSON:", error)


def main():
    found = list(verbs())
    check(len(found) > 15, "only", found, "in the help")
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder, "run")
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        with output.open("w") as to:
            run = subprocess.Popen([HNI, "run", "--generator", "--rate", "10", "-j"], stdout=to, stdin=subprocess.DEVNULL)
        for _ in range(600):
            if '"up"' in output.read_text() or run.poll() is not None:
                break
            time.sleep(0.1)
        for name, verb in found:
            check_help(name, verb)
            if (name, verb) in CALLS:
                words, form = CALLS[name, verb]
                known = {"PID": str(run.pid), "SOCKET": f"{folder}/card"}
                check_call(name, verb, [known.get(word, word) for word in words], form)
            else:
                check((name, verb) in HELP_ONLY, f"'hni {name} {verb}' has no call in this test: add one")
        run.terminate()
        check(run.wait() == 0, "the run beside ended with", run.returncode)
    objects = {name for name, _ in found}
    stale = [key for key in (*CALLS, *HELP_ONLY) if key[0] in objects and key not in found]
    check(not stale, "calls of verbs that do not exist:", stale)
    for fault in faults:
        print(fault)
    print(f"{len(found)} verbs, {len([v for v in found if v in CALLS])} called, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
