#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""shapes_test.py <hni-spec> <C compiler> <C++ compiler>: every output of maps of every shape.

Each line of shapes.txt is a map. Its headers must compile as C and C++, its module must run, its JSON, SVD and
page must parse and name nothing twice, and what `print` writes must be the same map.
"""
import collections
import html.parser
import json
import pathlib
import re
import runpy
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

WORDS = """auto break case char const continue do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
_Bool _Complex _Atomic _Generic _Noreturn _Static_assert _Thread_local alignas alignof and and_eq asm bitand bitor
bool catch char8_t char16_t class co_await concept const_cast consteval constexpr constinit decltype default delete
dynamic_cast explicit export false friend mutable namespace new noexcept not nullptr operator or private protected
public reinterpret_cast requires static_assert static_cast template this thread_local throw true try typeid
typename using virtual wchar_t xor NULL EOF linux unix main assert errno stdin INT_MAX UINT32_MAX uint32_t offsetof
int8_t None True False def lambda pass yield from import global with as is in elif except raise del nonlocal async
await print self match type REGISTERS Register q count dump hits""".split()


class Ids(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids = []
        self.scripts = 0

    def handle_starttag(self, tag, attributes):
        self.ids += [value for key, value in attributes if key == "id"]
        self.scripts += tag == "script"


def twice(names):
    return [name for name, number in collections.Counter(names).items() if number > 1]


def use_of(header):
    """Returns a source that includes the header and evaluates each of its constants."""
    constants = re.findall(r"^#define (\w+) .", header.read_text(), re.MULTILINE)
    values = ", ".join(["1"] + [f"(unsigned long long)({each})" for each in constants if each != "HNI_ASSERT"])
    return f'#include "{header}"\nextern const unsigned long long values[];\n' \
           f"const unsigned long long values[] = {{{values}}};\n"


class Test:
    def __init__(self, spec, compilers):
        self.spec, self.compilers, self.failed = spec, compilers, 0

    def check(self, good, what):
        if not good:
            print(f"FAILED: {self.name}: {what}")
            self.failed += 1

    def run(self, *command):
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)

    def shape(self, name, source, folder):
        self.name = name
        path, out = folder / f"{name}.rdl", folder / name
        path.write_text(source)
        done = self.run(self.spec, "compile", path, "-o", out)
        self.check(done.returncode == 0, f"compile: {done.stderr[:200]}")
        for file in out.glob("*.h"):
            for compiler in self.compilers:
                unit = folder / "unit.c"
                unit.write_text(use_of(file))
                done = self.run(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", unit)
                self.check(done.returncode == 0, f"{compiler[0]} {file.name}: {done.stderr[:300]}")
        for file in out.glob("*.py"):
            for register in runpy.run_path(str(file))["REGISTERS"].values():
                register.decode(0)
        for file in out.glob("*.json"):
            registers = json.loads(file.read_text())["registers"]
            self.check(not twice((each["space"], each["name"]) for each in registers), "JSON: a name twice")
        for file in out.glob("*.svd"):
            self.svd(xml.etree.ElementTree.parse(file).getroot())
        for file in out.glob("*.ipxact.xml"):
            self.ipxact(xml.etree.ElementTree.parse(file).getroot())
        for file in out.glob("*.html"):
            page = Ids()
            page.feed(file.read_text())
            self.check(not twice(page.ids), f"page: ids twice: {twice(page.ids)}")
            self.check(page.scripts == 1, f"page: {page.scripts} scripts")
        self.again(path, folder)

    def svd(self, root):
        for parent in [root.find("peripherals"), *root.iter("registers"), *root.iter("cluster"), *root.iter("fields")]:
            if parent is not None:
                names = [child.find("name").text for child in parent if child.find("name") is not None]
                self.check(not twice(names), f"SVD: names twice: {twice(names)}")
        for register in root.iter("register"):
            self.check(("%s" in register.find("name").text) == (register.find("dim") is not None), "SVD: dim")

    def ipxact(self, root):
        space = "{http://www.accellera.org/XMLSchema/IPXACT/1685-2014}"
        for parent in root.iter():
            names = [child.find(f"{space}name").text for child in parent if child.find(f"{space}name") is not None]
            self.check(not twice(names), f"IP-XACT: names twice: {twice(names)}")
        for register in root.iter(f"{space}register"):
            self.check(register.find(f"{space}field") is not None, "IP-XACT: a register without a field")

    def again(self, path, folder):
        printed = folder / f"{self.name}.again.rdl"
        printed.write_text(self.run(self.spec, "print", path).stdout)
        self.check(self.run(self.spec, "dump", path).stdout == self.run(self.spec, "dump", printed).stdout,
                   "print and dump differ")
        done = self.run(self.spec, "diff", path, printed)
        self.check(done.returncode == 0, f"diff of the printed map: {done.stdout[:200]}{done.stderr[:200]}")


def main():
    spec, c, cxx = sys.argv[1:]
    test = Test(spec, [[c, "-x", "c", "-std=c11"], [cxx, "-x", "c++", "-std=c++20"]])
    shapes = []
    for line in (pathlib.Path(__file__).parent / "shapes.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            shapes.append(line.split(" ## "))
    for dims in ("", "[2]"):
        body = " ".join(f"reg {{ field {{}} \\{word} ; field {{}} x; }} \\{word} {dims};" for word in WORDS)
        shapes.append([f"words{len(dims)}", f"addrmap \\int {{ {body} }};"])
    with tempfile.TemporaryDirectory() as folder:
        for name, source in shapes:
            test.shape(re.sub(r"\W+", "_", name), source, pathlib.Path(folder))
    print(f"{len(shapes)} shapes, {test.failed} failures")
    return 1 if test.failed or not shapes else 0


if __name__ == "__main__":
    sys.exit(main())
