#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""fuzz/campaign/campaign.py: `hni fuzz run`, `status`, `report` and `merge`. The campaign folder is described in
openhni_campaign/places.py, its use in docs/fuzzing.md.

Exit status of `run`: 0 no finding, 1 findings, 2 usage error, 3 an engine never started.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from openhni_campaign import display, merge, report  # noqa: E402
from openhni_campaign.linux_driver import LinuxCampaign  # noqa: E402
from openhni_campaign.places import NOT_FUZZED, ROOT, Places, targets_of  # noqa: E402
from openhni_campaign.runner import Campaign  # noqa: E402
from openhni_campaign.triage import load_findings  # noqa: E402

ENGINES = ("libfuzzer", "afl", "honggfuzz")


class Parser(argparse.ArgumentParser):
    """Reports help that could not be written."""

    def _print_message(self, message, file=None):
        try:
            print(message, end="", file=file or sys.stderr, flush=True)
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left cannot be written at the end either
            sys.exit(f"hni fuzz: standard output: {error.strerror}")


def default_build(name):
    return pathlib.Path(os.environ.get("HNI_FUZZ_BUILD_ROOT", ROOT / "build")) / name


def add_builds(parse):
    parse.add_argument("--build", type=pathlib.Path, default=default_build("fuzz"),
                       help="the libFuzzer build, preset `fuzz`")
    parse.add_argument("--afl", type=pathlib.Path, default=default_build("afl"),
                       help="the AFL++ builds, by fuzz/engine/build_afl.sh")
    parse.add_argument("--honggfuzz", type=pathlib.Path, help="a build for honggfuzz")


def add_run(commands):
    run = commands.add_parser("run", help="run or resume a campaign")
    run.add_argument("--dir", "--corpus", type=pathlib.Path, default=pathlib.Path("fuzz-campaign"),
                     help="the campaign folder (fuzz-campaign)")
    run.add_argument("--time", type=float, default=600, help="seconds (600)")
    run.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processors to use (all)")
    run.add_argument("--turn", type=float, help="seconds of a turn where there are more engines than processors")
    run.add_argument("--engines", default=",".join(ENGINES), help="which engines: libfuzzer,afl,honggfuzz")
    run.add_argument("--host", default=socket.gethostname(), help="this machine's name among those that sync")
    run.add_argument("--seeds", type=pathlib.Path, help="a folder of corpora, one per target (the committed one)")
    run.add_argument("--until-quiet", type=float, help="end when no target found anything new for so many seconds")
    run.add_argument("--until-risk", type=float, help="end when the residual risk is that small")
    run.add_argument("--kernel", default="7.3", help="of the target `linux`: Linux's own driver, by itself (7.3)")
    add_builds(run)
    run.add_argument("targets", nargs="*")


def arguments(words):
    parse = Parser(prog="hni fuzz", description="fuzz campaigns")
    commands = parse.add_subparsers(dest="command", required=True)
    add_run(commands)
    status = commands.add_parser("status", help="figures of campaigns, also of running ones")
    status.add_argument("dirs", nargs="*", type=pathlib.Path, default=[pathlib.Path("fuzz-campaign")])
    status.add_argument("-j", "--json", action="store_true", help="status.json as it is; of several folders a list")
    about = commands.add_parser("report", help="a report on a campaign folder")
    about.add_argument("dir", type=pathlib.Path)
    about.add_argument("-o", "--html", type=pathlib.Path, help="write HTML there")
    about.add_argument("--sarif", type=pathlib.Path, help="write SARIF 2.1.0 there")
    about.add_argument("--junit", type=pathlib.Path, help="write JUnit XML there")
    join = commands.add_parser("merge", help="merge campaign folders into one, minimised")
    join.add_argument("out", type=pathlib.Path)
    join.add_argument("dirs", nargs="+", type=pathlib.Path)
    join.add_argument("--cmin", action="store_true", help="minimise by afl-cmin as well")
    add_builds(join)
    return parse, parse.parse_args(words)


def make_places(folder, options, seeds=None):
    places = Places(folder, options.build, options.afl, options.honggfuzz, seeds)
    try:
        places.open()
    except OSError as error:
        shutil.rmtree(places.memory, ignore_errors=True)
        raise SystemExit(f"hni fuzz: cannot write to '{folder}': {error.strerror}: name another folder with --dir") \
            from None
    return places


def run_linux(parse, options):
    """Plays fault scripts against Linux's own driver: see openhni_campaign/linux_driver.py."""
    if options.targets != ["linux"]:
        parse.error("the target 'linux' runs by itself: hni fuzz run linux")
    if options.jobs < 1 or options.time <= 0:
        parse.error("--jobs and --time must be positive")
    return LinuxCampaign(options, make_places(options.dir, options, options.seeds)).run()


def run(parse, options):
    if "linux" in options.targets:
        return run_linux(parse, options)
    built = targets_of(options.build)
    if not built:
        parse.error(f"no targets in '{options.build}/fuzz': cmake --preset fuzz && cmake --build --preset fuzz")
    options.targets = options.targets or [name for name in built if name not in NOT_FUZZED]
    if missing := [name for name in options.targets if name not in built]:
        parse.error(f"target '{missing[0]}' is not built in '{options.build}': built are {', '.join(built)}")
    options.engines = options.engines.split(",")
    if wrong := [name for name in options.engines if name not in ENGINES]:
        parse.error(f"invalid engine '{wrong[0]}': choose from {', '.join(ENGINES)}")
    if options.jobs < 1 or options.time <= 0:
        parse.error("--jobs and --time must be positive")
    if not options.host.replace("-", "").replace("_", "").isalnum():
        parse.error(f"invalid --host '{options.host}': letters, digits, '-' and '_' only")
    options.host = options.host[:20]  # AFL++ limits names to 24 characters, which include the instance
    places = make_places(options.dir, options, options.seeds)
    campaign = Campaign(options, places)
    if "afl" in options.engines and not any(kind == "afl" for _, kind, _ in campaign.units):
        why = "afl-fuzz is not installed: apt-get install afl++" if not shutil.which("afl-fuzz") else \
            f"no AFL++ build in '{options.afl}': fuzz/engine/build_afl.sh {options.afl}"
        campaign.say(f"without AFL++: {why}")
    return campaign.run()


def read_status(folder):
    try:
        return json.loads((folder / "status.json").read_text())
    except (OSError, ValueError):
        raise SystemExit(f"hni fuzz: no campaign in '{folder}': start one with `hni fuzz run --dir {folder}`") from None


def status(_parse, options):
    documents = [read_status(folder) for folder in options.dirs]
    if options.json:
        print(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1))
    else:
        print("\n".join("\n".join(display.table(document)) for document in documents))
    return 0


def make_report(_parse, options):
    document, findings = read_status(options.dir), load_findings(options.dir)
    wanted = [(options.html, lambda: report.html_report(document, findings, lambda one: pathlib.Path(one["folder"]))),
              (options.sarif, lambda: report.sarif_report(document, findings)),
              (options.junit, lambda: report.junit_report(document, findings))]
    if not any(path for path, _ in wanted):
        print("\n".join(display.table(document)))
        for one in findings:
            print(f"{one['count']:5} x {one['target']}: {one['oracle']}: {one['text']}  {one['folder']}")
    for path, make in wanted:
        if path is None:
            continue
        try:
            if str(path) == "-":
                sys.stdout.write(make())
            else:
                path.write_text(make())
        except OSError as error:
            print(f"hni fuzz report: cannot write '{path}': {error.strerror}", file=sys.stderr)
            return 1
    return 0


def merge_folders(_parse, options):
    places = make_places(options.out, options)
    targets = sorted({p.name for folder in options.dirs for p in (folder / "corpus").glob("*") if p.is_dir()})
    if not targets:
        raise SystemExit(f"hni fuzz merge: no campaign in '{options.dirs[0]}'")
    for target in targets:
        if not places.program(target).exists():
            print(f"{target}: not built in '{options.build}': left out", file=sys.stderr)
            continue
        before, after = merge.merge_corpus(places, target, [folder.resolve() for folder in options.dirs], options.cmin)
        print(f"{target}: {before} inputs, {after} of them needed", flush=True)
    merge.merge_findings(places, [folder.resolve() for folder in options.dirs])
    print(f"{len(load_findings(places.folder))} findings")
    places.close()
    return 0


def main(words):
    parse, options = arguments(words)
    return {"run": run, "status": status, "report": make_report, "merge": merge_folders}[options.command](parse, options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
