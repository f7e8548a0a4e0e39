# SPDX-License-Identifier: Apache-2.0
"""Reports on a campaign folder: HTML for people, SARIF and JUnit for other programs."""
import html
import json
import time
import xml.etree.ElementTree as xml

from .display import clock, short

_STYLE = """body{font:14px sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse}
td,th{padding:.25em .8em;border-bottom:1px solid #ccc;text-align:right}td:first-child,th:first-child{text-align:left}
pre{background:#f4f4f4;padding:.6em;overflow-x:auto}.found{color:#a00}"""


def _text(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def html_report(status, findings, folder_of):
    rows = []
    for name, one in status["targets"].items():
        engines = ", ".join(f"{label} {short(e['runs'])}" for label, e in sorted(one["engines"].items()) if e["runs"])
        cells = [html.escape(name), one["runs"], f"{one['mean_runs_per_second']:.0f}", short(one["events"]), one["edges"],
                 one["corpus"], one["findings"], one["stability"] or "-", clock(one["seconds_since_new"]),
                 html.escape(engines)]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    parts = []
    for one in findings:
        folder = folder_of(one)
        builds = ", ".join(f"{name}: {'yes' if shows else 'no'}" for name, shows in one.get("builds", {}).items())
        script = _text(folder / "input.script")
        parts.append(
            f"<h3 class=found>{html.escape(one['target'])}: {html.escape(one['oracle'])}: {html.escape(one['text'])}</h3>"
            f"<p>{one['count']} times, first {_when(one['first'])}, last {_when(one['last'])}; "
            f"{html.escape(', '.join(one['engines']))}; {one.get('bytes', '?')} bytes. Shows in {html.escape(builds)}.</p>"
            f"<pre>{html.escape(_text(folder / 'replay').strip())}</pre>"
            + (f"<pre>{html.escape(script)}</pre>" if script else "")
            + f"<pre>{html.escape(chr(10).join(one.get('stack', [])))}</pre>")
    total = status["total"]
    return (f"<!doctype html><html lang=en><meta charset=utf-8><title>Fuzz campaign on {html.escape(status['host'])}"
            f"</title><style>{_STYLE}</style><h1>Fuzz campaign on {html.escape(status['host'])}</h1>"
            f"<p>{clock(status['elapsed'])}, {total['runs']} runs, {short(total['events'])} card events, "
            f"{total['findings']} findings; residual risk at most {total['risk']:.1e} per run (Good and Turing, an upper "
            "bound).</p><table><tr><th>target<th>runs<th>runs/s a processor<th>events<th>edges<th>inputs<th>findings"
            f"<th>stability<th>since new<th>runs by engine</tr>{''.join(rows)}</table>"
            f"<h2>Findings</h2>{''.join(parts) or '<p>None.</p>'}</html>\n")


def _when(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _place(one):
    """Returns (file, line) of the innermost frame of this project."""
    for frame in one.get("stack", []):
        file, _, line = frame.rsplit(" ", 1)[-1].rpartition(":")
        if line.isdigit():
            return file, int(line)
    return f"fuzz/targets/{one['target']}_fuzz.cpp", 1


def sarif_report(status, findings):
    rules = sorted({one["oracle"] for one in findings})
    results = []
    for one in findings:
        file, line = _place(one)
        results.append({
            "ruleId": one["oracle"], "level": "error", "message": {"text": f"{one['target']}: {one['text']}"},
            "partialFingerprints": {"openhniFinding/v1": f"{one['target']}/{one['key']}"}, "occurrenceCount": one["count"],
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}}]})
    return json.dumps({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "openhni fuzz", "rules": [{"id": rule} for rule in rules]}},
                  "results": results,
                  "invocations": [{"executionSuccessful": True, "machine": status["host"]}]}]}, indent=1) + "\n"


def junit_report(status, findings):
    suite = xml.Element("testsuite", name="openhni.fuzz", tests=str(len(status["targets"])),
                        failures=str(len({one["target"] for one in findings})), hostname=status["host"],
                        time=f"{status['elapsed']:.1f}")
    for name, one in status["targets"].items():
        case = xml.SubElement(suite, "testcase", classname="openhni.fuzz", name=name, time=f"{one['seconds']:.1f}")
        for finding in (f for f in findings if f["target"] == name):
            failure = xml.SubElement(case, "failure", type=finding["oracle"], message=finding["text"])
            failure.text = "\n".join([finding["key"], *finding.get("stack", [])])
        xml.SubElement(case, "system-out").text = f"{one['runs']} runs, {one['edges']} edges, {one['corpus']} inputs"
    return xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
