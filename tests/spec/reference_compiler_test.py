#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reference_compiler_test.py <hni-spec> <source folder>: compares models with systemrdl-compiler.

Status 77 (skipped) where that compiler cannot be imported.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    from systemrdl import RDLCompileError, RDLCompiler
    from systemrdl import node as nodes
    from systemrdl.messages import MessagePrinter
except ImportError as error:
    print(f"skipped: {error}; install the Python package systemrdl-compiler to run it")
    sys.exit(77)


class Quiet(MessagePrinter):
    def print_message(self, severity, text, src_ref):
        pass


def name(value):
    return "-" if value is None else value.name


def field_lines(field):
    reset = field.get_property("reset")
    text = "-" if reset is None else str(int(reset)) if isinstance(reset, int) else "reference"
    yield (
        f"  field {field.inst_name} [{field.high}:{field.low}] sw={field.get_property('sw').name}"
        f" hw={field.get_property('hw').name} onread={name(field.get_property('onread'))}"
        f" onwrite={name(field.get_property('onwrite'))}"
        f" pulse={int(field.get_property('singlepulse'))} reset={text}"
    )
    for member in field.get_property("encode") or []:
        yield f"    enum {member.name} = {member.value}"


def lines(node, path, address):
    dims = ""
    if node.is_array:
        dims = "".join(f"[{d}]" for d in node.array_dimensions) + f"+{node.array_stride:#x}"
    if isinstance(node, nodes.RegNode):
        yield (
            f"reg {path}{dims} @{address:#x} width={node.get_property('regwidth')}"
            f" access={node.get_property('accesswidth')}"
        )
        for field in node.fields():
            yield from field_lines(field)
        return
    kind = type(node).__name__[:-4].lower()
    place = "" if path == node.inst_name else f" @{address:#x}"
    yield f"{kind} {path}{dims}{place} size={node.total_size:#x}"
    for child in node.children(unroll=False):
        if not isinstance(child, nodes.SignalNode):
            yield from lines(child, f"{path}.{child.inst_name}",
                             address + child.raw_address_offset)


def reference(path, top):
    """Returns the dump of the reference compiler, or None if it refuses the file."""
    compiler = RDLCompiler(message_printer=Quiet())
    try:
        compiler.compile_file(str(path))
        root = compiler.elaborate(top)
    except RDLCompileError:
        return None
    return list(lines(root.top, root.top.inst_name, 0))


def ours(spec, path, top):
    command = [spec, "dump", str(path)] + (["--top", top] if top else [])
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        return None
    return [re.sub(r"reset=[A-Za-z_].*", "reset=reference", line)
            for line in run.stdout.splitlines()]


def main():
    spec, source = sys.argv[1], pathlib.Path(sys.argv[2])
    tests = source / "tests" / "spec"
    failed = compared = 0
    maps = [(source / "spec" / "fbnic.rdl", top)
            for top in ("fbnic", "fbnic_descriptors", "fbnic_firmware")]
    maps += [(tests / f"{stem}.rdl", stem) for stem in ("uart", "soc", "sample")]
    for path, top in maps:
        mine, theirs = ours(spec, path, top), reference(path, top)
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
