# SPDX-License-Identifier: Apache-2.0
"""The figures of a campaign. status.json is replaced atomically; `hni fuzz status` reads it, and a resumed campaign
starts from it."""
import json
import time

from .triage import write_atomically

VERSION = 1


class State:
    def __init__(self, places, host):
        self.file = places.folder / "status.json"
        self.resumed = False
        self.data = {"version": VERSION, "host": host, "state": "running", "started": time.time(), "elapsed": 0.0,
                     "engines": {}, "targets": {}, "total": {}, "unexamined": 0, "lost": 0}
        try:
            kept = json.loads(self.file.read_text())
            if kept.get("version") == VERSION:
                self.data.update(kept, state="running", host=host)
                self.resumed = True
        except (OSError, ValueError):
            pass
        self.before = self.data["elapsed"]
        self.began = time.monotonic()

    def elapsed(self):
        """Returns the seconds that the campaign ran, over all sessions."""
        return self.before + time.monotonic() - self.began

    def engine(self, key):
        return self.data["engines"].setdefault(key, {
            "runs": 0, "events": 0, "seconds": 0.0, "starts": 0, "failed_starts": 0, "edges": 0, "stability": None})

    def target(self, name):
        return self.data["targets"].setdefault(name, {"new": 0, "last_new": None, "findings": 0, "last_finding": None})

    def update(self, engines, corpus_sizes, findings):
        """Returns the sum of finished and running turns."""
        live = {engine.key: engine for engine in engines}
        now = self.elapsed()
        shown, total = {}, {"runs": 0, "events": 0, "seconds": 0.0, "runs_per_second": 0.0, "events_per_second": 0.0,
                            "edges": 0, "corpus": 0, "new": 0}
        for name, kept in self.data["targets"].items():
            one = dict(kept, runs=0, events=0, seconds=0.0, runs_per_second=0.0, edges=0, stability=None, engines={})
            for key, engine in self.data["engines"].items():
                if key.split("/")[0] != name:
                    continue
                runs, events, seconds = engine["runs"], engine["events"], engine["seconds"]
                if key in live:
                    now_at = live[key]
                    runs, events = runs + now_at.figures["runs"], events + now_at.events()
                    seconds += now_at.lasted() * now_at.width
                    one["runs_per_second"] += now_at.figures["rate"]
                one["engines"][key.split("/")[1]] = {"runs": runs, "events": events, "seconds": round(seconds, 1),
                                                     "running": key in live, "failed_starts": engine["failed_starts"]}
                one["runs"] += runs
                one["events"] += events
                one["seconds"] += seconds
                one["edges"] = max(one["edges"], engine["edges"], live[key].figures["edges"] if key in live else 0)
                one["stability"] = (live[key].figures["stability"] if key in live else None) or engine["stability"] \
                    or one["stability"]
            one["mean_runs_per_second"] = one["runs"] / one["seconds"] if one["seconds"] else 0.0
            one["events_per_second"] = one["events"] / one["seconds"] if one["seconds"] else 0.0
            one["corpus"] = corpus_sizes.get(name, 0)
            one["findings"] = findings.get(name, 0)
            one["seconds_since_new"] = None if kept["last_new"] is None else now - kept["last_new"]
            shown[name] = one
            for what in ("runs", "events", "seconds", "runs_per_second", "edges", "corpus", "new"):
                total[what] += one[what]
        total["events_per_second"] = total["events"] / total["seconds"] if total["seconds"] else 0.0
        total["mean_runs_per_second"] = total["runs"] / total["seconds"] if total["seconds"] else 0.0
        total["findings"] = sum(findings.values())
        # Good and Turing: singletons by runs. Each new input counts as a path that was seen once, so this is an upper
        # bound of the chance that the next run does something new.
        total["risk"] = min(1.0, (total["new"] + 1) / total["runs"]) if total["runs"] else 1.0
        self.shown, self.total = shown, total

    def close(self, engine):
        """Adds the figures of a finished turn to the stored ones."""
        kept = self.engine(engine.key)
        kept["runs"] += engine.figures["runs"]
        kept["events"] += engine.events()
        kept["seconds"] += engine.lasted() * engine.width
        kept["edges"] = max(kept["edges"], engine.figures["edges"])
        kept["stability"] = engine.figures["stability"] or kept["stability"]

    def document(self, state):
        """Returns the content of status.json: stored figures in `engines` and `resume`, displayed ones in `targets` and `total`."""
        return dict(self.data, state=state, elapsed=round(self.elapsed(), 1), updated=time.time(), targets=self.shown,
                    total=self.total)

    def save(self, state="running"):
        """Returns False if the disk is full."""
        try:
            write_atomically(self.file, json.dumps(self.document(state), indent=1) + "\n")
            return True
        except OSError:
            return False
