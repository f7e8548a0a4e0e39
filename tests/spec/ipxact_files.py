#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the IP-XACT output by others: the schema of IEEE 1685-2014 and the importer of PeakRDL.

    ipxact_files.py --spec HNI_SPEC --schema INDEX_XSD FILE...

Each .rdl file that hni-spec accepts is written as IP-XACT, validated by xmllint, read by the importer, and its
fields (address, bits, access, reset, effects) are compared with those that systemrdl-compiler elaborates from the
source. A file with several spaces is validated only, since the importer reads one. Needs xmllint and the Python packages
systemrdl-compiler and peakrdl-ipxact (PYTHONPATH). Status 1 if a file is invalid or differs, 2 without the packages
or files.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    from peakrdl_ipxact import IPXACTImporter
    from systemrdl import RDLCompileError, RDLCompiler
    from systemrdl.node import FieldNode
except ImportError as error:
    print(f"{error}: the Python packages systemrdl-compiler and peakrdl-ipxact must be importable (PYTHONPATH)")
    sys.exit(2)


def fields(root):
    """Returns what both forms state of every field of every element; an alias has no place of its own in IP-XACT."""
    found = set()
    for node in root.descendants(unroll=True):
        if isinstance(node, FieldNode) and not node.parent.is_alias:
            reset = node.get_property("reset")
            found.add((node.parent.absolute_address, node.inst_name, node.high, node.low,
                       reset if isinstance(reset, int) else None,
                       *(str(node.get_property(word)) for word in ("sw", "onread", "onwrite"))))
    return found


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def judge(spec, schema, source, output):
    if run(spec, "ipxact", source, "-o", output).returncode != 0:
        return "refused"
    checked = run("xmllint", "--noout", "--schema", schema, output)
    if checked.returncode != 0:
        return f"INVALID {checked.stderr[:300]}"
    if len(json.loads(run(spec, "json", source).stdout)["spaces"]) != 1:
        return "valid only"
    try:
        theirs, again = RDLCompiler(), RDLCompiler()
        theirs.compile_file(str(source))
        IPXACTImporter(again).import_file(str(output))
        before, after = fields(theirs.elaborate()), fields(again.elaborate())
    except RDLCompileError:
        return "valid only"
    if before == after:
        return "same"
    return f"DIFFERENT {sorted(before - after, key=str)[:2]} {sorted(after - before, key=str)[:2]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spec", required=True)
    parser.add_argument("--schema", required=True)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in options.files:
            verdict = judge(options.spec, options.schema, source, pathlib.Path(folder) / "out.xml")
            word = verdict.split()[0]
            counts[word] = counts.get(word, 0) + 1
            if word in ("INVALID", "DIFFERENT"):
                print(f"{source}: {verdict}")
    print(", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
    return 1 if "INVALID" in counts or "DIFFERENT" in counts or not counts.get("same") else 0


if __name__ == "__main__":
    sys.exit(main())
