#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""terminal_test.py HNI: the live display of `hni run` on terminals of several widths, and on none.

On a terminal of N columns no line is wider than N - 1 or 79, whatever the width is changed to meanwhile, and each redraw
goes up by as many rows as the terminal shows. On a pipe each second is one line.
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

HNI = sys.argv[1]
CALL = [HNI, "run", "--generator", "--rate", "100", "--duration", "3.5"]


def resize(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def on_terminal(widths):
    """The output of a run; the width changes after each redraw."""
    ours, theirs = pty.openpty()
    resize(ours, widths[0])
    run = subprocess.Popen(CALL, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    text, left = "", list(widths[1:])
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        text += data.decode()
        if left and re.search(r"\d s\r\n", data.decode()):
            resize(ours, left.pop(0))
    assert run.wait() == 0, text
    return text.replace("\r\n", "\n")


def main():
    for widths in ([80], [60], [132], [40, 40, 40], [132, 50, 100]):
        text = on_terminal(widths)
        live = text.partition("statistics:")[2].rpartition("\n\n")[0]
        plain = re.sub("\033\\[[0-9]*[A-Za-z]", "", live).splitlines()[1:]
        fits = min(79, max(widths) - 1)
        wide = [line for line in plain if len(line) > fits]
        assert not wide, f"{widths}: wider than {fits}: {wide}"
        assert len(re.findall(r"^(?:\033\[\d+A\033\[J)?\d s$", live, re.M)) == 3, f"{widths}: {text!r}"
        if len(set(widths)) == 1:  # title, heads and two ports
            assert re.findall("\033\\[(\\d+)A", live) == ["4", "4"], f"{widths}: {live!r}"
    lines = subprocess.run(CALL, capture_output=True, text=True, check=True).stdout.splitlines()
    seconds = [line for line in lines if re.match(r"\d s ", line)]
    assert len(seconds) == 3 and all(len(line) <= 79 for line in seconds), lines
    print("5 terminals and a pipe")


if __name__ == "__main__":
    main()
