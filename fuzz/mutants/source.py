# SPDX-License-Identifier: Apache-2.0
"""Finds the places of a C++ source that a mechanical mutation can change, and writes a source that contains all
mutants, each selected at run time (fuzz/mutants/mutant.hpp).

Mutations: a statement is dropped or executed twice; a condition is always true or always false; an operator of a
condition, a returned value or a statement is replaced by its neighbour; a literal is changed by one; a negation is
dropped. Declarations, constant expressions and template arguments are not changed, and variables are not swapped.
"""
import re

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-", "-": "+",
         "/": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "+=": "-=", "-=": "+=", "|=": "&="}
OPERATOR = re.compile(r"(?<= )(<=|>=|==|!=|&&|\|\||<<|>>|\+=|-=|\|=|[<>+\-/&|])(?= )")
LITERAL = re.compile(r"(?<![\w.'<])\d+(?=(?:U|UL|ULL)?\b)(?![\w]*')(?!x)")
NEGATION = re.compile(r"!(?=[\w(])")
WORD = re.compile(r"\b(true|false)\b")
DECLARATION = re.compile(r"^(?:(?:const|constexpr|static|auto|using|unsigned|bool|int|char|typename|template|struct|friend|"
                         r"static_assert)\b|(?:std::|spec::|[A-Z])[\w:]*(?:<[^=;]*>)?[ ]?[&*]? [&*]?\w+ ?(?:=|\{|;|\(|$))")
KEYWORDS = ("break", "continue", "goto", "throw", "try", "delete", "asm", "using")


def masked(text):
    """Returns the text with comments, strings and directives blanked, at equal length."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


class Mutant:
    def __init__(self, file, line, what, text):
        self.file, self.line, self.what, self.text = file, line, what, text

    def key(self):
        return f"{self.file}: {self.what}: {self.text}"


class Source:
    """The places of one file. number(mutant) returns the number of a mutant, or None if it is left out."""

    def __init__(self, file, text, number):
        self.file, self.text, self.plain, self.number = file, text, masked(text), number
        self.edits = []
        for at in range(len(self.plain)):
            if self.plain[at] == "{" and self.is_code(at):
                self.block(at)

    def is_code(self, at):
        before = self.plain[:at].rstrip()
        if re.search(r"\bif constexpr \([^{};]*\)$", before):
            return False
        return bool(re.search(r"\)(\s*(const|noexcept|override|mutable))*(\s*->\s*[\w:<>]+)?$", before)) and not \
            any(start < at < end for start, end, _ in self.edits) and not self.inside(at)

    def inside(self, at):
        return any(start < at < end for start, end in getattr(self, "done", []))

    def close(self, at):
        """Returns the position of the bracket that closes the one at `at`."""
        depth = 0
        for n in range(at, len(self.plain)):
            depth += (self.plain[n] in "([{") - (self.plain[n] in ")]}")
            if depth == 0:
                return n
        return len(self.plain) - 1

    def skip(self, at):
        while at < len(self.plain) and self.plain[at].isspace():
            at += 1
        return at

    def block(self, at):
        end = self.close(at)
        self.done = getattr(self, "done", []) + [(at, end)]
        at = self.skip(at + 1)
        while at < end:
            at = self.skip(self.statement(at))

    def statement(self, at):
        """Handles the statement at `at`; returns the position after it."""
        plain = self.plain
        word = re.match(r"[A-Za-z_]\w*", plain[at:])
        word = word[0] if word else ""
        if plain[at] == "{":
            self.block(at)
            return self.close(at) + 1
        if plain[at] == ";":
            return at + 1
        if word in ("case", "default"):
            return re.compile(r":(?!:)").search(plain.replace("::", "  "), at).end()
        if word in ("else", "do"):
            return self.statement(self.skip(at + len(word)))
        if word in ("if", "while", "for", "switch"):
            start = plain.index("(", at)
            end = self.close(start)
            if "constexpr" not in plain[at:start]:
                self.head(word, start + 1, end)
            return self.statement(self.skip(end + 1))
        end = at
        while end < len(plain) and plain[end] != ";":
            end = self.close(end) + 1 if plain[end] in "([{" else end + 1
        if word == "return":
            self.returned(at, end)
        elif word not in KEYWORDS and not DECLARATION.match(plain[at:end]) and "{" not in plain[at:end]:
            self.expression(at, end)
        return end + 1

    def head(self, word, start, end):
        parts = re.split(r";", self.plain[start:end])
        if word == "switch" or (word == "for" and len(parts) != 3):
            return
        if word == "for":
            start, end = start + len(parts[0]) + 1, start + len(parts[0]) + 1 + len(parts[1])
        else:
            start = end - len(parts[-1])
        if re.match(r"\s*(const |auto )", self.plain[start:end]):
            return
        forms = self.changed(start, end)
        if word == "if":
            forms = [("always", "true"), ("never", "false")] + forms
        condition = self.one_line(start, end)
        original = f"{word} ({condition.strip()})"
        for what, text in forms:
            number = self.number(Mutant(self.file, self.line(start), what, original))
            if number is not None:
                condition = f"::hni::mutants::is({number}) ? static_cast<bool>({text}) : static_cast<bool>({condition})"
        self.edits.append((start, end, " " * (word == "for") + condition))

    def returned(self, start, end):
        value = self.one_line(start + len("return"), end).strip()
        if value == "":
            number = self.number(Mutant(self.file, self.line(start), "dropped", "return;"))
            if number is not None:
                self.edits.append((start, end + 1, f"{{ if (!::hni::mutants::is({number})) return; }}"))
            return
        if "{" in value:
            return
        result = f"return {value}"
        original = result
        for what, text in self.changed(start + len("return"), end):
            number = self.number(Mutant(self.file, self.line(start), what, original + ";"))
            if number is not None:
                result = f"if (::hni::mutants::is({number})) return {text.strip()}; else {result}"
        if result != original:
            self.edits.append((start, end + 1, "{ " + result + "; }"))

    def expression(self, start, end):
        text = self.one_line(start, end)
        result = text + ";"
        forms = [("dropped", "")] + self.changed(start, end)
        if not re.match(r"(\+\+|--)?[\w.\->\[\]()]+ [|&]?= ", text):
            forms.append(("twice", f"{text}; {text};"))
        for what, form in forms:
            number = self.number(Mutant(self.file, self.line(start), what, text + ";"))
            if number is not None:
                form = form if form.endswith(";") or not form else form + ";"
                result = f"if (::hni::mutants::is({number})) {{ {form} }} else {{ {result} }}"
        self.edits.append((start, end + 1, "{ " + result + " }"))

    def changed(self, start, end):
        """Returns (what, text) of each changed operator, literal and negation."""
        plain, forms = self.plain[start:end], []
        for found in OPERATOR.finditer(plain):
            forms.append((f"'{found[0]}' is '{SWAPS[found[0]]}'", found.span(), SWAPS[found[0]]))
        for found in LITERAL.finditer(plain):
            value = "0" if found[0] == "1" else str(int(found[0]) + 1)
            forms.append((f"{found[0]} is {value}", found.span(), value))
        for found in NEGATION.finditer(plain):
            forms.append(("'!' is dropped", found.span(), ""))
        for found in WORD.finditer(plain):
            forms.append((f"'{found[0]}' is inverted", found.span(), "false" if found[0] == "true" else "true"))
        text = self.text[start:end]
        return [(what, self.join(text[:first] + new + text[last:])) for what, (first, last), new in forms]

    def one_line(self, start, end):
        return self.join(self.text[start:end])

    @staticmethod
    def join(text):
        return re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", text))

    def line(self, at):
        return self.text.count("\n", 0, at) + 1

    def result(self):
        """Returns the source with all mutants."""
        text, last = [], 0
        for start, end, new in sorted(self.edits):
            text += [self.text[last:start], new]
            last = end
        return "".join(text) + self.text[last:]
