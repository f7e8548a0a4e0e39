#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the figures of proofs/README.md match the run. Usage: words.py RESULTS.json [--write]"""
import json
import pathlib
import re
import sys

README = pathlib.Path(__file__).resolve().parents[2] / "proofs/README.md"
words = json.loads(pathlib.Path(sys.argv[1]).read_text())["in_words"]
text = README.read_text()
line = re.search(r"<!-- The next line is generated[^\n]*\n\n    ([^\n]*)\n", text)
if "--write" in sys.argv:
    README.write_text(text[:line.start(1)] + words + text[line.end(1):])
elif line.group(1) != words:
    sys.exit(f"proofs/README.md says:  {line.group(1)}\nthe run says:          {words}\nrun tests/proofs/words.py {sys.argv[1]} --write")
