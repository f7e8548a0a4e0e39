#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""describe.py HNI OUT: manual pages and completions of the hni command, from what `--help` prints.

HNI is a built command with its object programs. Writes
    OUT/man/man1/hni.1, hni-OBJECT.1
    OUT/bash-completion/completions/hni
    OUT/zsh/site-functions/_hni
so that help, manual and completion have one source: the option tables of the programs.
"""
import pathlib
import re
import subprocess
import sys

# ` NAME ARGUMENTS text`: at least two blanks precede the text.
ENTRY = re.compile(r"^  (?P<name>\S.*?)(?:  +(?P<text>\S.*))?$")
SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]*):\s*(?P<rest>.*)$")
PLAIN_WORD = re.compile(r"[a-z][a-z0-9-]*")


class Page:
    """Parses the help of one object or verb: description, usage, and entries by section."""

    def __init__(self, words, text):
        self.words = words
        self.description, self.usage, self.sections = [], "", {}
        section = None
        for line in text.splitlines():
            heading = SECTION.match(line)
            if heading and heading["name"] == "Usage":
                self.usage, section = heading["rest"], None
            elif heading and not heading["rest"]:
                section = self.sections.setdefault(heading["name"], [])
            elif section is not None and line.startswith("   ") and section and line.strip():
                section[-1][1] = (section[-1][1] + " " + line.strip()).strip()  # a folded line
            elif section is not None and (entry := ENTRY.match(line)):
                section.append([entry["name"], entry["text"] or ""])
            elif line.strip():
                section = None
                self.description.append(line.strip())

    def entries(self, *names):
        return [entry for name in names for entry in self.sections.get(name, [])]

    def verbs(self):
        return [(name, text) for name, text in self.entries("Subcommands", "Commands", "Objects")
                if PLAIN_WORD.fullmatch(name)]

    def options(self):
        """[(['-q', '--quiet'], text)]"""
        found = []
        for name, text in self.entries("Options"):
            flags = [flag for flag in re.split(r"[ ,]", name) if flag.startswith("-")]
            if flags:
                found.append((flags, text))
        return found


def help_of(hni, words):
    done = subprocess.run([hni, *words, "--help"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"describe.py: `hni {' '.join(words)} --help` ended with {done.returncode}: {done.stderr.strip()}")
    return Page(words, done.stdout)


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def manual(page, verbs, version):
    name = "-".join(["hni", *page.words])
    summary = page.description[0] if page.description else ""
    lines = [f'.TH {name.upper()} 1 "" "openhni {version}" "openhni"', ".SH NAME",
             f"{roff(name)} \\- {roff(summary.rstrip('.').removeprefix('hni: '))}", ".SH SYNOPSIS",
             f".B {roff(page.usage or 'hni OBJECT [VERB] [OPTIONS]')}"]
    if page.description[1:]:
        lines += [".SH DESCRIPTION"] + [roff(line) for line in page.description[1:]]
    for title, entries in page.sections.items():
        lines.append(f".SH {title.upper()}")
        for entry, text in entries:
            lines += [".TP", f".B {roff(entry)}", roff(text) if text else "\\&"]
    for verb in verbs:
        lines += [f".SH {roff(' '.join(verb.words[1:]).upper())}", *(roff(line) for line in verb.description)]
        for entry, text in [e for entries in verb.sections.values() for e in entries if "--help" not in e[0]]:
            lines += [".TP", f".B {roff(entry)}", roff(text) if text else "\\&"]
    lines += [".SH EXIT STATUS", "0 success, 1 failure, 2 usage error.", ".SH SEE ALSO",
              ".BR hni (1)" if page.words else "Each object has a page of its own: hni\\-run(1) and so on."]
    return "\n".join(lines) + "\n"


def bash(tree):
    """Returns the cases by the preceding words; arguments that are files or numbers are left to bash."""
    cases = []
    for words, page in tree.items():
        candidates = [name for name, _ in page.verbs()] + [flag for flags, _ in page.options() for flag in flags]
        cases.append(f'    "{" ".join(words)}") words="{" ".join(candidates)}" ;;')
    return """# SPDX-License-Identifier: Apache-2.0
# Completion of hni for bash; generated from `hni --help`.
_hni() {
  local current=${COMP_WORDS[COMP_CWORD]} path="" words="" i
  for ((i = 1; i < COMP_CWORD && i < 3; i++)); do
    [[ ${COMP_WORDS[i]} == -* ]] && break
    path+="${path:+ }${COMP_WORDS[i]}"
  done
  case $path in
%s
    *) case ${path%%%% *} in
%s
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _hni hni
""" % ("\n".join(cases), "\n".join("  " + case for case in cases if case.count(" ") and '" ' not in case.split('")')[0]))


def zsh(tree):
    def described(items):
        return " ".join("'" + name.replace("'", "") + ":" + text.replace("'", "").replace(":", "\\:") + "'"
                        for name, text in items)
    cases = []
    for words, page in tree.items():
        items = page.verbs() + [(flag, text) for flags, text in page.options() for flag in flags]
        cases.append(f'    "{" ".join(words)}") items=({described(items)}) ;;')
    return """#compdef hni
# SPDX-License-Identifier: Apache-2.0
# Completion of hni for zsh; generated from `hni --help`.
_hni() {
  local -a items
  local path="" i
  for ((i = 2; i < CURRENT && i < 4; i++)); do
    [[ ${words[i]} == -* ]] && break
    path+="${path:+ }${words[i]}"
  done
  case $path in
%s
  esac
  _describe 'hni' items || _files
}
_hni "$@"
""" % "\n".join(cases)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    hni, out = sys.argv[1], pathlib.Path(sys.argv[2])
    version = subprocess.run([hni, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    top = help_of(hni, [])
    tree = {(): top}
    for name, _ in top.verbs():
        page = help_of(hni, [name])
        tree[(name,)] = page
        verbs = []
        for verb, _ in page.verbs():
            # An object may have no page for a verb; its help text is then that of the object.
            done = subprocess.run([hni, name, verb, "--help"], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                verbs.append(Page([name, verb], done.stdout))
                tree[name, verb] = verbs[-1]
        write(out / "man" / "man1" / f"hni-{name}.1", manual(page, verbs, version))
    write(out / "man" / "man1" / "hni.1", manual(top, [], version))
    write(out / "bash-completion" / "completions" / "hni", bash(tree))
    write(out / "zsh" / "site-functions" / "_hni", zsh(tree))


if __name__ == "__main__":
    main()
