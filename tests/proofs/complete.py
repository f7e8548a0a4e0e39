#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every public operation of a proved class has an obligation, or a reason; every member is set by the proofs.

The lists come from the headers, so that a new member or operation fails here until proofs/obligations/complete.json names the
obligation that covers it. Usage: complete.py HNI_PROVE. With --list it prints what the headers have."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "proofs/obligations/complete.json"


def without_comments(text):
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", "", text, flags=re.M)


def closing(text, at):
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced braces")


def class_body(text, name):
    head = re.search(rf"\b(class|struct)\s+{name}\s*\{{", text)
    if not head:
        raise ValueError(f"no class {name}")
    end = closing(text, head.end() - 1)
    return head.group(1), text[head.end():end]


def declarations(body):
    """Returns (access, declaration) of the members of a class, without function bodies."""
    found, begin, i, access = [], 0, 0, None
    while i < len(body):
        label = re.match(r"\s*(public|private|protected):", body[begin:i + 1])
        if label:
            found.append((label.group(1) + ":", ""))
            begin = i + 1
        if body[i] == "{":
            end = closing(body, i)
            declaration = body[begin:i]
            i = end
            # Initialisers end with a semicolon, function bodies do not.
            if re.search(r"\)\s*(const|noexcept|\s)*(:.*)?$", declaration, re.S) or re.match(
                    r"\s*(template\s*<[^{]*>\s*)?(struct|class|enum)\b", declaration):
                found.append((None, declaration))
                begin = i + 1
        elif body[i] == ";":
            found.append((None, body[begin:i]))
            begin = i + 1
        i += 1
    result = []
    for label, declaration in found:
        if label:
            access = label[:-1]
        else:
            result.append((access, " ".join(declaration.split())))
    return result


def members_and_operations(kind, body, name):
    members, operations = set(), set()
    for access, declaration in declarations(body):
        access = access or ("private" if kind == "class" else "public")
        plain = re.sub(r"\[\[[^\]]*\]\]", " ", declaration)
        plain = re.sub(r"\btemplate\s*<[^()]*?>(?=\s+\w)", " ", plain).strip()
        if not plain or re.match(r"(using|friend|static_assert|struct|enum|static constexpr \w[\w:<>]* k[A-Z])", plain):
            continue
        call = re.match(r"[^=({]*?([~\w]+|operator\S+)\s*\(", plain)
        if call and not re.match(r"[^(]*=", plain):
            if access == "public" and call.group(1) not in (name, "~" + name):
                operations.add(call.group(1))
        elif not plain.startswith("static"):
            found = re.search(r"(\w+)\s*(\{.*\}|=.*)?$", plain)
            if found:
                members.add(found.group(1))
    return members, operations


def main():
    table = json.loads(TABLE.read_text())
    wrong = []
    names = set()
    if "--list" not in sys.argv:
        output = subprocess.run([sys.argv[1], "--list"], capture_output=True, text=True, check=True).stdout
        names = {line.split()[0] for line in output.splitlines()}
    for entry in table:
        text = without_comments((ROOT / entry["header"]).read_text())
        members, operations = members_and_operations(*class_body(text, entry["class"]), entry["class"])
        if "--list" in sys.argv:
            print(entry["class"], sorted(operations), sorted(members))
            continue
        for what, real, said in (("operation", operations, entry["operations"]), ("member", members, entry["members"])):
            for missing in sorted(real - set(said)):
                wrong.append(f"{entry['header']}: {what} {entry['class']}::{missing} has neither an obligation nor a reason: "
                             f"add it to {TABLE.relative_to(ROOT)}")
            for extra in sorted(set(said) - real):
                wrong.append(f"{TABLE.relative_to(ROOT)}: {entry['class']}::{extra} is no {what} any more: remove it")
        for operation, about in entry["operations"].items():
            for obligation in about if isinstance(about, list) else []:
                if obligation not in names:
                    wrong.append(f"{TABLE.relative_to(ROOT)}: {entry['class']}::{operation}: there is no obligation '{obligation}'")
        if not entry["members"] or "world" not in entry:
            continue
        world = (ROOT / entry["world"]).read_text()
        for member, how in entry["members"].items():
            granted = re.search(rf"HNI_PRIVATE_MEMBER\((\w+), &\w+::{member}\)", world)
            used = granted and len(re.findall(rf"\b{granted.group(1)}\b", world)) > 1
            if how == "set" and not (used or re.search(rf"\b{entry.get('object', 'queue')}\.set_{member.rstrip('_')}\(", world)):
                wrong.append(f"{entry['world']}: does not set {entry['class']}::{member}: every member is arbitrary in a proof")
    for line in wrong:
        print(line)
    if "--list" not in sys.argv and not wrong:
        print(f"{sum(len(e['operations']) for e in table)} operations and {sum(len(e['members']) for e in table)} members of "
              f"{len(table)} classes: each has an obligation, or a reason")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
