# SPDX-License-Identifier: Apache-2.0
"""Models of systemrdl-compiler and of hni-spec in one form; both tests import this.

A model is a list of lines: those of `hni-spec dump`, then one for each property that the source assigns.
"""
import enum
import json
import re
import subprocess

from systemrdl import RDLCompileError, RDLCompiler
from systemrdl import component
from systemrdl import node as nodes
from systemrdl import rdltypes
from systemrdl.messages import MessagePrinter, Severity


class Collect(MessagePrinter):
    """Keeps the errors instead of printing them."""

    def __init__(self):
        self.errors = []

    def print_message(self, severity, text, src_ref):
        if severity >= Severity.ERROR:
            self.errors.append(text)


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


REFERENCE = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.[A-Za-z_]\w*(\[\d+\])*)*(->\w+)?")


def plain_text(text):
    """Returns a text on one line, as hni-spec prints it; of a possible path the last name."""
    if REFERENCE.fullmatch(text):
        text = re.sub(r"\[\d+\]", "", text.split(".")[-1])
    return " ".join(text.split())


def plain(value):
    """Returns a property's value as in the JSON of hni-spec; of a reference the last name."""
    if isinstance(value, int) and value >= 1 << 64:
        return f"{value:#x}"
    if isinstance(value, (bool, int)) or value is None:
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, type) and issubclass(value, rdltypes.UserEnum):
        return value.type_name
    if isinstance(value, rdltypes.UserEnum):
        return value.value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, rdltypes.UserStruct):
        return {key: plain(item) for key, item in value._values.items()}
    if isinstance(value, rdltypes.PropertyReference):
        return f"{value.node.inst_name}->{value.name}"
    if isinstance(value, nodes.Node):
        return value.inst_name
    return f"?{type(value).__name__}"


# Short forms, which hni-spec replaces by the properties that they represent.
SHORT = {"rclr": "onread", "rset": "onread", "woclr": "onwrite", "woset": "onwrite"}
# Synonyms, which the reference compiler sets, too.
FOLLOWS = {"saturate": "incrsaturate", "threshold": "incrthreshold"}


def is_boolean(node, key):
    rule = node.env.property_rules.lookup_property(key)
    return rule.get_default(node) is False or bool in rule.valid_types


def property_lines(node, path):
    given = node.inst.properties
    for key in given:
        if key in FOLLOWS and FOLLOWS[key] in given:
            continue
        if key == "memwidth" and key not in node.inst.property_src_ref:
            continue  # the default, which the elaboration fills in
        value = node.get_property(key)
        if value is rdltypes.NoValue:  # named without a value: true if its type permits that
            value = True if is_boolean(node, key) else None
        if key in SHORT:
            if not value:
                continue
            key, value = SHORT[key], key
        yield f"{path} {key} = {json.dumps(plain(value), sort_keys=True)}"
    for child in node.children(unroll=False):
        if not isinstance(child, nodes.SignalNode):
            yield from property_lines(child, f"{path}.{child.inst_name}")


class Refused(Exception):
    """Raised if the reference compiler refuses the source; holds its first error."""


def reference_roots(path, include=(), defines=None):
    """Returns the compiler after parsing, and the names of the top-level address maps."""
    printer = Collect()
    compiler = RDLCompiler(message_printer=printer)
    try:
        compiler.compile_file(str(path), incl_search_paths=[str(folder) for folder in include],
                              defines=defines)
    except RDLCompileError as error:
        raise Refused(printer.errors[0] if printer.errors else str(error)) from error
    roots = [key for key, value in compiler.root.comp_defs.items()
             if isinstance(value, component.Addrmap)]
    return compiler, printer, roots


def reference_model(compiler, printer, top):
    printer.errors.clear()
    try:
        root = compiler.elaborate(top)
    except RDLCompileError as error:
        raise Refused(printer.errors[0] if printer.errors else str(error)) from error
    top_name = root.top.inst_name
    return list(lines(root.top, top_name, 0)) + list(property_lines(root.top, top_name))


def our_plain(value):
    if isinstance(value, list):
        return [our_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: our_plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return plain_text(value)
    return value


def our_property_lines(node, path):
    for key, value in node.get("properties", {}).items():
        yield f"{path} {key} = {json.dumps(our_plain(value), sort_keys=True)}"
    for child in node.get("children", []):
        yield from our_property_lines(child, f"{path}.{child['name']}")


class Broken(Exception):
    """Raised if hni-spec fails in an invalid way: a signal, a timeout, a success without a model."""


def run(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, errors="replace")
    except subprocess.TimeoutExpired as error:
        raise Broken("no end within 60 s") from error
    if done.returncode not in (0, 1):
        raise Broken(f"status {done.returncode}")
    return done


def our_model(spec, path, top, include=()):
    """Returns the model, or (None, the errors)."""
    options = [str(path)] + (["--top", top] if top else [])
    for folder in include:
        options += ["-I", str(folder)]
    dump = run([spec, "dump", *options])
    if dump.returncode != 0:
        if not dump.stderr.strip():
            raise Broken("refused without a word")
        return None, dump.stderr
    tree = run([spec, "json", *options])
    if tree.returncode != 0:
        raise Broken("dump accepts what json refuses")
    model = [re.sub(r"reset=[A-Za-z_].*", "reset=reference", line)
             for line in dump.stdout.splitlines()]
    for root in json.loads(tree.stdout)["tree"]:
        model += our_property_lines(root, root["name"])
    return model, dump.stderr
