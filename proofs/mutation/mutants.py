# SPDX-License-Identifier: Apache-2.0
"""Lists the mutants of a header, and generates a header that contains all of them.

A mutant is (start, end, replacement) in the header's text. Those inside function bodies are written next to the body,
each guarded by its number (proofs/mutation/mutation_switch.hpp), so that one compilation serves all of them.
"""
import hashlib
import re

# Header; its generic, proved parts (pairs of first and last line; None: the whole header); the proofs about it.
# mutate_production.cpp instantiates it as production does.
SUBJECTS = {
    "driver/queues/ring.hpp": (None, ["work_ring_proof.cpp", "tx_ring_proof.cpp", "buffer_ring_proof.cpp"]),
    "driver/queues/tx_ring.hpp": (None, ["tx_ring_proof.cpp", "tx_queue_model_proof.cpp"]),
    "driver/queues/buffer_ring.hpp": (None, ["buffer_ring_proof.cpp", "rx_queue_model_proof.cpp"]),
    "driver/firmware/mailbox_ring.hpp": (("struct MailboxRing {", "}  // namespace hni"), ["mailbox_ring_proof.cpp", "mailbox_proof.cpp"]),
    "driver/firmware/mailbox.hpp": (("  [[nodiscard]] State state() const {", " private:", "Result<> Mailbox<Io, Obs>::allocate(", "}  // namespace hni"),
                                    ["mailbox_proof.cpp", "memory_proof.cpp"]),
    "driver/core/fragment_pool.hpp": (("struct RefCount {", "  DmaSpan memory_;"), ["fragment_pool_proof.cpp", "memory_proof.cpp", "rx_queue_model_proof.cpp"]),
    "driver/firmware/tlv.hpp": (("class PrivateBytes {", "}  // namespace hni"), ["tlv_proof.cpp", "tlv_builder_proof.cpp"]),
    "driver/control/statistics.hpp": (("struct WideCounter {", "struct CounterValues {"), ["counter_proof.cpp"]),
    "driver/control/clock.hpp": (("constexpr W extend_stamp", "namespace clock_detail {"), ["counter_proof.cpp"]),
    "driver/queues/tx_queue.hpp": (("  Result<> allocate(QueueId", "  D* device_;"),
                            ["tx_queue_proof.cpp", "tx_queue_completion_proof.cpp", "tx_queue_life_proof.cpp", "memory_proof.cpp",
                             "tx_queue_model_proof.cpp"]),
    "driver/queues/rx_queue.hpp": (("  Result<> allocate(QueueId", "  D* device_;"),
                            ["rx_queue_proof.cpp", "rx_queue_assembly_proof.cpp", "rx_queue_life_proof.cpp", "memory_proof.cpp",
                             "rx_queue_model_proof.cpp"]),
}
# Proofs that search through states; slow unless optimised.
SEARCHES = ("mailbox_proof.cpp", "memory_proof.cpp", "rx_queue_model_proof.cpp", "tlv_builder_proof.cpp", "tx_queue_model_proof.cpp")

SWAPS = {
    "+": ["-"], "-": ["+"], "*": ["+"], "/": ["*"], "%": ["/"],
    "&": ["|", "^"], "|": ["&", "^"], "^": ["&", "|"], "<<": [">>"], ">>": ["<<"],
    "==": ["!=", "<=", ">="], "!=": ["==", "<", ">"],
    "<": ["<=", ">=", "!="], "<=": ["<", ">", "=="], ">": [">=", "<=", "!="], ">=": [">", "<", "=="],
    "&&": ["||"], "||": ["&&"], "++": ["--"], "--": ["++"],
    "+=": ["-=", "="], "-=": ["+=", "="], "|=": ["&=", "="], "&=": ["|=", "="], "^=": ["|="], "<<=": [">>="], ">>=": ["<<="],
}
NUMBER = re.compile(r"(?<![\w.])(0x[0-9a-fA-F']+|\d[\d']*)([uUlL]*)(?![\w.])")


def blank(text):
    """Returns the text with comments, strings, preprocessor lines and static assertions blanked; positions are kept."""
    pattern = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])'|^[ \t]*#[^\n]*|static_assert\([^;]*;",
                         re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def matching(code, at):
    """Returns the position of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i
    return -1


def mutants_of(text, part):
    """Yields (start, end, replacement) of every mutant."""
    code = blank(text)
    if part:
        shown = [False] * len(code)
        for first, last in zip(part[::2], part[1::2]):
            begin = text.index(first)
            for i in range(begin, text.index(last, begin)):
                shown[i] = True
        code = "".join(c if keep or c == "\n" else " " for c, keep in zip(code, shown))
    found = []
    # Operators. The formatter puts blanks around binary operators, but not around template brackets and references.
    for m in re.finditer(r"(?<=\s)(<<=|>>=|\+=|-=|\|=|&=|\^=|==|!=|<=|>=|&&|\|\||<<|>>|[-+*/%&|^<>])(?=\s)", code):
        found += [(m.start(1), m.end(1), new) for new in SWAPS.get(m.group(1), [])]
    for m in re.finditer(r"\+\+|--", code):
        found += [(m.start(), m.end(), new) for new in SWAPS[m.group()]]
    for m in re.finditer(r"(?<![\w)\]])[!~](?=[\w(])", code):
        found.append((m.start(), m.end(), ""))
    # Constants.
    for m in NUMBER.finditer(code):
        value = int(m.group(1).replace("'", ""), 0)
        for new in sorted({value + 1, max(value - 1, 0), 0} - {value}):
            found.append((m.start(1), m.end(1), str(new)))
    for m in re.finditer(r"\b(true|false)\b", code):
        found.append((m.start(), m.end(), "false" if m.group() == "true" else "true"))
    # Conditions.
    for m in re.finditer(r"\b(if|while)\s*(constexpr\s*)?\(", code):
        if m.group(2):
            continue
        close = matching(code, m.end() - 1)
        inner = text[m.end():close]
        head = inner.rfind(";") + 1  # the condition itself, after an initialiser
        start = m.end() + head
        found += [(start, close, f"!({inner[head:].strip()})"), (start, close, "true"), (start, close, "false")]
    for m in re.finditer(r"\bfor\s*\(([^;()]*(?:\([^()]*\)[^;()]*)*);([^;]*);", code):
        condition = text[m.start(2):m.end(2)].strip()
        if condition:
            found += [(m.start(2), m.end(2), f" !({condition})"), (m.start(2), m.end(2), " false")]
    for m in re.finditer(r"(?<=\n)\s*return ([^;]*(?:==|!=|<=|>=| < | > |&&|\|\||\bnot\b)[^;]*);", code):
        found.append((m.start(1), m.end(1), f"!({text[m.start(1):m.end(1)]})"))
    for m in re.finditer(r"[=(,]\s*([^=(,;?]*?)\s\?\s", code):
        found.append((m.start(1), m.end(1), f"!({text[m.start(1):m.end(1)]})"))
    found += loops(text, code) + neighbours(text, code)
    # Statements: an assignment or a call that is dropped, doubled, or swapped with the next one.
    for m in re.finditer(r"(?<=\n)(\s+)([\w.:>*\[\]()-]+(?:\s[|&^+-]?=\s[^;{}]+|\([^;{}]*\)));", code):
        statement = m.group(2)
        if not re.match(r"(return|using|static|constexpr|const|assert|if|for|while|case|else)\b", statement):
            found.append((m.start(2), m.end(2), ""))
            if not idempotent(statement):
                found.append((m.start(2), m.end(2), f"{text[m.start(2):m.end(2)]}; {text[m.start(2):m.end(2)]}"))
            after = re.match(r";(\s+)([\w.:>*\[\]()-]+(?:\s[|&^+-]?=\s[^;{}]+|\([^;{}]*\)));", code[m.end(2):])
            if after and not re.match(r"(return|using|static|constexpr|const|assert|if|for|while|case|else)\b", after.group(2)):
                end = m.end(2) + after.end(2)
                second = text[m.end(2) + after.start(2):end]
                found.append((m.start(2), end, f"{second};{after.group(1)}{text[m.start(2):m.end(2)]}"))
    return sorted(set(found))


def idempotent(statement):
    """Returns whether it is `name = value` and `value` neither uses `name` nor calls anything, so that doubling has no effect."""
    m = re.fullmatch(r"([\w.]+)\s=\s([^()+-]*)", statement)
    return m is not None and m.group(1) not in m.group(2)


def loops(text, code):
    """Ends each loop after its second iteration, whatever is left."""
    found, prefix = [], "if (unsigned hni_turn = 0; true) "
    for m in re.finditer(r"\bwhile\s*\(", code):
        close = matching(code, m.end() - 1)
        if re.match(r"\s*;", code[close + 1:]):
            continue  # do ... while
        found.append((m.start(), close, f"{prefix}while (hni_turn++ < 2 && ({text[m.end():close]})"))
    for m in re.finditer(r"\bfor\s*\(", code):
        close = matching(code, m.end() - 1)
        parts = text[m.end():close].split(";")
        if len(parts) == 3 and parts[1].strip():
            found.append((m.start(), close, f"{prefix}for ({parts[0]}; hni_turn++ < 2 && ({parts[1].strip()});{parts[2]}"))
        elif len(parts) == 1 and re.match(r"\s*\{", code[close + 1:]):
            brace = code.index("{", close)
            found.append((m.start(), brace + 1, f"{prefix}{text[m.start():brace + 1]} if (hni_turn++ >= 2) break;"))
    return found


DECLARED = re.compile(r"(?:^|[(,;{}])\s*(?:const\s+)?((?:std::)?[A-Za-z_][\w:]*(?:<[^<>;(){}]*>)?)[&\s]\s*([a-z]\w*)(?=\s*(?:[;,)={]|\{\}))", re.M)
KEYWORDS = {"return", "using", "else", "namespace", "typename", "new", "delete", "goto", "case", "struct", "class", "enum", "friend"}
CLASS = re.compile(r"(?:template\s*<[^{}]*>\s*)?(?:struct|class)\s+\w+[^;{}()]*$")


class Declaration:
    """A variable: its type, the position of its declaration, and its scope [start, end)."""

    def __init__(self, kind, name, at, start, end, member):
        self.kind, self.name, self.at, self.start, self.end, self.member = kind, name, at, start, end, member

    def visible(self, at):
        return self.start <= at < self.end


def enclosing(code, at, opening, ending):
    """Returns the position of the innermost bracket that is open at `at`, or -1."""
    depth = 0
    for i in range(at - 1, -1, -1):
        depth += {opening: -1, ending: 1}.get(code[i], 0)
        if depth < 0:
            return i
    return -1


def declarations(code):
    found = []
    for m in DECLARED.finditer(code):
        if m.group(1) in KEYWORDS:
            continue
        at, brace, bracket = m.start(2), enclosing(code, m.start(2), "{", "}"), enclosing(code, m.start(2), "(", ")")
        if bracket > brace:  # a parameter, or declared in a loop header: visible to the end of the block that follows
            begin = re.compile(r"[{;]").search(code, matching(code, bracket))
            if begin is None or begin.group() == ";":
                continue
            found.append(Declaration(m.group(1), m.group(2), at, at, closing(code, begin.start()), False))
        elif brace >= 0 and CLASS.search(re.split(r"[;}]", code[:brace])[-1].strip()):
            found.append(Declaration(m.group(1), m.group(2), at, brace, closing(code, brace), True))
        elif brace >= 0:
            found.append(Declaration(m.group(1), m.group(2), at, at, closing(code, brace), False))
    return found


def neighbours(text, code):
    """Replaces a variable by the previous and the next one of the same type in scope, and a member after a dot by its neighbours
    in the class."""
    whole = blank(text)
    known = declarations(whole)
    declared = {d.at for d in known}
    found = []
    for m in re.finditer(r"(?<![\w:])[a-z]\w*(?![\w(<:])", code):
        if m.start() in declared or re.match(r"\s+[a-z_]\w*\s*[;={,)]", code[m.end():]):
            continue
        of_object = re.search(r"(?:\.|->)$", whole[:m.start()]) and not whole[:m.start()].endswith("this->")
        usable = [d for d in known if (d.member if of_object else d.visible(m.start()) and (d.member or d.at < m.start()))]
        mine = [d for d in usable if d.name == m.group()]
        if not mine:
            continue
        one = max(mine, key=lambda d: d.start)
        group = [d.name for d in usable if d.kind == one.kind and (not of_object or d.start == one.start)]
        place = group.index(one.name)
        names = {group[place - 1], group[(place + 1) % len(group)]} - {one.name}
        found += [(m.start(), m.end(), name) for name in sorted(names)]
    return found


def closing(code, at):
    """Returns the position of the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"{": 1, "}": -1}.get(code[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced braces")


def without_template(head):
    """Returns a declaration without its template parameters, access labels and attributes."""
    head = re.sub(r"\b(public|private|protected):|\[\[[^\]]*\]\]", " ", head)
    while (m := re.search(r"\btemplate\s*<", head)):
        depth, i = 0, m.end() - 1
        while True:
            depth += {"<": 1, ">": -1}.get(head[i], 0)
            i += 1
            if depth == 0:
                break
        head = head[:m.start()] + " " + head[i:]
    return head.strip()


class Body:
    """Returns the text between the braces of a function."""

    def __init__(self, start, end, head):
        self.start, self.end = start, end
        plain = re.sub(r"\b(constexpr|explicit|inline|static|friend|HNI_HOT)\b", " ", head).strip()
        self.returns_nothing = bool(re.match(r"void\b|\w+\s*\(", plain))


def bodies_of(text):
    code = blank(text)
    found, begin, i = [], 0, 0
    while i < len(code):
        if code[i] in ";}":
            begin = i + 1
        elif code[i] == "{":
            head = without_template(code[begin:i])
            if re.match(r"(inline\s+)?(namespace|struct|class|enum|union)\b", head):
                begin = i + 1
            else:
                close = closing(code, i)
                if "concept" not in head and re.search(r"\)\s*(const|noexcept)?\s*$", head):
                    found.append(Body(i + 1, close, head))
                    begin = close + 1
                i = close
        i += 1
    return found


class Schema:
    """A header with the mutants of its function bodies. Number 0 selects every original body, so that the wrapping itself is
    checked: with it all proofs must hold."""

    def __init__(self, text, mutants):
        self.text = text
        self.mutants = dict(enumerate(mutants, 1))
        bodies = bodies_of(text)
        self.place = {}
        for number, (start, end, _) in self.mutants.items():
            for body in bodies:
                if body.start <= start and end <= body.end:
                    self.place[number] = body
        self.bodies = [b for b in bodies if b in self.place.values()]

    def inside(self):
        """Returns the numbers of the mutants that the combined header contains; the others are compiled one by one."""
        return set(self.place)

    def header(self, numbers):
        text = self.text
        for body in reversed(self.bodies):
            mine = [n for n in sorted(numbers) if self.place[n] is body]
            text = text[:body.start] + self.wrapped(body, mine) + text[body.start:]
        # Forced inlining would only increase the size of the code.
        text = re.sub(r"\[\[gnu::always_inline\]\]", "", text)
        return text.replace("#pragma once", '#pragma once\n#include <cstdlib>\n#include "proofs/mutation/mutation_switch.hpp"', 1)

    def wrapped(self, body, numbers):
        original = self.text[body.start:body.end]
        last = "return;" if body.returns_nothing else "std::abort();"
        block = ""
        for n in numbers:
            start, end, new = self.mutants[n]
            changed = original[:start - body.start] + new + original[end - body.start:]
            block += f'\nif (::hni::mutation::on({n})) {{\n#line 1 "mutant_{n}_"\n{changed}\n{last} }}'
        line = self.text.count("\n", 0, body.start) + 1
        block += f"\nif (::hni::mutation::on(0)) {{{original}\n{last} }}"
        return block + f'\n#line {line} "original"\n'


def name_of(header, text, mutant):
    """Returns a key that is stable under changes elsewhere in the file: the line's text, the change, and its position in the line."""
    start, end, new = mutant
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start:line_end].strip()
    column = start - line_start
    key = hashlib.sha1(f"{header}|{line}|{column}|{new}".encode()).hexdigest()[:10]
    number = text.count("\n", 0, start) + 1
    flat = lambda piece: " ".join(piece.split())
    return key, f"{header}:{number}: {flat(text[start:end])} -> {flat(new) or '(nothing)'}   in: {line}"


def rejected_by(output):
    """Returns the numbers of the mutants that the compiler's errors refer to."""
    found, context = set(), []
    for line in output.splitlines():
        named = [int(n) for n in re.findall(r"mutant_(\d+)_", line)]
        if re.search(r": (fatal )?error: ", line):
            # The error is in the mutant or in code that it instantiates; in the second case the innermost mutant is
            # listed first.
            found.update((named or context)[:1])
            context = []
        elif "note:" not in line:
            context += named
    return found
