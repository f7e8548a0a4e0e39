#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the figures of proofs/README.md are the measured ones. Usage: words.py RESULTS.json [--write]

The summary line comes from a run of `hni prove --json`, the mutation table from proofs/mutation/score.json, and the number of wrong
variations from proofs/mutation/variations.json. --write updates the document."""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "proofs/README.md"


def mutation_table():
    score = json.loads((ROOT / "proofs/mutation/score.json").read_text())
    lines = ["| header | mutants | refuted | equivalent | open | refuted of the others | measured |", "|---|---|---|---|---|---|---|"]
    for header, s in score.items():
        part = s.get("part") or ("all" if s["every"] == 1 else f"1 in {s['every']}")
        judged = {"all": "", "searches": ", by the searches only", "symbolic": ", by symbolic proofs only"}[s["judged_by"]]
        share = 100 * s["refuted"] / max(1, s["refuted"] + s["open"])
        lines.append(f"| `{header}` | {s['mutants']} ({part}{judged}) | {s['refuted']} | {s['equivalent']} | {s['open']} "
                     f"| {share:.1f} % | {s['measured']} |")
    return "\n".join(lines)


def main():
    written = README.read_text()
    variations = len(json.loads((ROOT / "proofs/mutation/variations.json").read_text()))
    words = json.loads(pathlib.Path(sys.argv[1]).read_text())["in_words"]
    parts = [(r"(<!-- The next line is generated[^\n]*\n\n)    [^\n]*\n", f"    {words}\n"),
             (r"(<!-- The next table is generated[^\n]*\n\n)(?:\|[^\n]*\n)+", mutation_table() + "\n"),
             (r"(`proofs/mutation/variations.json` holds )\d+", str(variations))]
    text = written
    for pattern, figures in parts:
        text, count = re.subn(pattern, lambda m, f=figures: m.group(1) + f, text)
        if count != 1:
            sys.exit(f"proofs/README.md has {count} places for {pattern!r}: restore the generated part")
    if text == written:
        return
    if "--write" not in sys.argv:
        differ = [f"{a}\n  should be: {b}" for a, b in zip(written.split("\n"), text.split("\n")) if a != b]
        sys.exit("proofs/README.md is not what was measured:\n" + "\n".join(differ[:5]) + f"\nrun {sys.argv[0]} {sys.argv[1]} --write")
    README.write_text(text)


if __name__ == "__main__":
    main()
