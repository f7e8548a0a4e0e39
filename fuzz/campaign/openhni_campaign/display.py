# SPDX-License-Identifier: Apache-2.0
"""Displays a campaign: at most 79 columns and 24 rows on a terminal, one line every ten seconds elsewhere."""

COLUMNS, ROWS = 79, 24


def short(number):
    """Formats a number in at most five characters."""
    if number is None:
        return "-"
    if number < 10000:
        return f"{number:.0f}"
    for unit in "kMGT":
        number /= 1000
        if number < 9.995:
            return f"{number:.2f}{unit}"
        if number < 99.95:
            return f"{number:.1f}{unit}"
        if number < 1000:
            return f"{number:.0f}{unit}"
    return f"{number:.0f}P"


def clock(seconds):
    if seconds is None:
        return "-"
    seconds = int(seconds)
    if seconds < 100:
        return f"{seconds} s"
    if seconds < 6000:
        return f"{seconds // 60} min"
    if seconds < 360000:
        return f"{seconds // 3600} h"
    return f"{seconds // 86400} d"


def table(document):
    """Returns the rows of one status document, without new log lines."""
    total = document["total"]
    head = f"{document['host']}: {document['state']}, {clock(document['elapsed'])}"
    rows = [head[:COLUMNS],
            f"{'target':<12}{'engine':<14}{'runs':>6}{'runs/s':>7}{'ev/s':>7}{'edges':>6}{'inputs':>7}{'found':>6}"
            f"{'stable':>8}{'new':>6}"]
    targets = list(document["targets"].items())
    shown = targets if len(targets) <= ROWS - 6 else targets[:ROWS - 7]
    for name, one in shown:
        running = ",".join(sorted(label for label, e in one["engines"].items() if e["running"]))
        rows.append(f"{name[:11]:<12}{running[:13] or '-':<14}{short(one['runs']):>6}"
                    f"{short(one['runs_per_second'] or one['mean_runs_per_second']):>7}"
                    f"{short(one['events_per_second']):>7}{short(one['edges']):>6}{short(one['corpus']):>7}"
                    f"{short(one['findings']):>6}{one['stability'] or '-':>8}{clock(one['seconds_since_new']):>6}")
    if len(shown) < len(targets):
        rows.append(f"and {len(targets) - len(shown)} more targets: `hni fuzz status`")
    rows.append(f"{'total':<26}{short(total['runs']):>6}{short(total['runs_per_second'] or total['mean_runs_per_second']):>7}"
                f"{short(total['events_per_second']):>7}{short(total['edges']):>6}{short(total['corpus']):>7}"
                f"{short(total['findings']):>6}  risk {total['risk']:.0e}")
    return [row[:COLUMNS] for row in rows]


def line(document):
    """Returns the same in one line, for a log."""
    total = document["total"]
    running = [f"{name} {label}" for name, one in document["targets"].items()
               for label, engine in one["engines"].items() if engine["running"]]
    return (f"{clock(document['elapsed'])}: {total['findings']} findings, {total['runs']} runs, "
            f"{total['runs_per_second']:.0f}/s, {total['edges']} edges, {total['new']} new, "
            f"risk {total['risk']:.1e}; {', '.join(running) or 'no engine runs'}")


class Display:
    def __init__(self, out):
        self.out = out
        self.terminal = out.isatty()
        self.messages = []
        self.shown = -10.0

    def message(self, text):
        self.messages.append(text)
        if not self.terminal:
            print(text, file=self.out, flush=True)

    def show(self, document, now):
        if self.terminal:
            rows = table(document)
            # Messages of several lines (the last output of an engine) are shown completely as long as there are rows.
            recent = [part[:COLUMNS] for text in self.messages[-6:] for part in text.split("\n")]
            rows += recent[-max(0, ROWS - len(rows) - 1):]
            self.out.write("\x1b[H" + "".join(f"{row}\x1b[K\n" for row in rows) + "\x1b[J")
            self.out.flush()
        elif now - self.shown >= 10:
            self.shown = now
            print(line(document), file=self.out, flush=True)

    def begin(self):
        if self.terminal:
            self.out.write("\x1b[2J")

    def end(self, document):
        if self.terminal:
            self.out.write("\x1b[H\x1b[J")
        print("\n".join(table(document) + self.messages[-20:] if self.terminal else table(document)), file=self.out,
              flush=True)
