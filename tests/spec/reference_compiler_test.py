#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reference_compiler_test.py <hni-spec> <source folder>: compares models with systemrdl-compiler.

Status 77 (skipped) where that compiler cannot be imported.
"""
import pathlib
import sys
import tempfile

try:
    import reference_model as model
except ImportError as error:
    print(f"skipped: {error}; install the Python package systemrdl-compiler to run it")
    sys.exit(77)


def reference(path, top):
    """The model of the reference compiler, or None if it refuses the file."""
    try:
        compiler, printer, _ = model.reference_roots(path)
        return model.reference_model(compiler, printer, top)
    except model.Refused:
        return None


def main():
    spec, source = sys.argv[1], pathlib.Path(sys.argv[2])
    tests = source / "tests" / "spec"
    failed = compared = 0
    maps = [(source / "spec" / "fbnic.rdl", top)
            for top in ("fbnic", "fbnic_descriptors", "fbnic_firmware")]
    maps += [(tests / f"{stem}.rdl", stem) for stem in ("uart", "soc", "sample")]
    for path, top in maps:
        mine, theirs = model.our_model(spec, path, top)[0], reference(path, top)
        compared += 1
        if mine is None or theirs is None or sorted(mine) != sorted(theirs):
            print(f"FAILED: {path} {top}: the models differ")
            failed += 1
    # Rules of the standard that the reference compiler does not check.
    stricter = ("refuse sub-word", "refuse unsupported", "refuse register-overlap ## addrmap m1")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rule.rdl"
        for number, line in enumerate((tests / "rules.txt").read_text().splitlines(), 1):
            if not line or line.startswith("#") or line.startswith(stricter):
                continue
            verdict, text = line.split(" ## ")[:2]
            path.write_text(text)
            accepted = reference(path, None) is not None
            compared += 1
            if accepted == verdict.startswith("refuse"):
                print(f"FAILED: rules.txt:{number}: the reference compiler disagrees: {text}")
                failed += 1
    print(f"{compared} maps compared, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
