"""How much of an allowed rate is used, how many 429s it costs, and how fairly tenants share it.

Each cell is a caller of its own with a provider of its own, the sandbox, which counts: what came
through in each of its windows is read from its ledger, not from what the caller says of itself.
The callers that segq is beside run as their users run them, against the same providers.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.complaint import ComplaintError
from benchmarks.rates import budget, cells, fairness, figures
from benchmarks.rates.cells import Cell
from benchmarks.rates.figures import Measured
from benchmarks.rates.running_cells import Knobs, Load, run_together
from benchmarks.report import Report, read
from benchmarks.servers.postgres import running_postgres

MACHINE = "The machine, whatever else ran on it"
_WINDOWS, _WINDOW = 8, 60.0
_MOST_A_CORE = 1_500
_BUSY, _WAITED, _SANDBOX = "busy", "somebody waited for a core", "busiest sandbox"
_MOST_BUSY = 90


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cells", type=_words, default=("*",), metavar="PATTERN[,PATTERN...]",
        help="those with such names alone, as a shell's patterns: '300/*', '*/auto', 'fairness/*'",
    )  # fmt: skip
    parser.add_argument(
        "--peers-at", type=_counts, default=(cells.USUAL,), metavar="N[,N...]",
        help="limits at which the peers run; default: %(default)s",
    )  # fmt: skip
    for name, kind, default, means in (
        ("windows", int, _WINDOWS, "windows that are measured, after the first"),
        ("window", float, _WINDOW, "seconds of a window; the calls in it shrink with it"),
        ("latency", float, 3.0, "seconds that a call takes, by the median"),
        ("share", float, 1.0, "part of the jobs of the cells without windows"),
    ):
        told = f"{means}; default: {default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, help=told)
    most = _MOST_A_CORE * len(os.sched_getaffinity(0))
    parser.add_argument(
        "--onto", type=Path, metavar="FILE",
        help="the JSON of runs made before, with the same settings; these are added to them",
    )  # fmt: skip
    parser.add_argument(
        "--together", type=int, default=most,
        help=f"cells run at once up to so many calls a minute; default: {_MOST_A_CORE} a core",
    )  # fmt: skip


def measure(options: argparse.Namespace, report: Report) -> None:
    all_ = {cell.name: cell for cell in cells.all_cells(options.peers_at)}
    others = {**fairness.CELLS, **dict.fromkeys(budget.CELLS, budget.measure)}
    names = cells.chosen([*all_, *others], options.cells)
    wanted = [all_[name] for name in names if name in all_]
    groups = cells.groups(wanted, options.together)
    knobs = Knobs(options.windows, options.window, options.latency)
    _tell(report, groups, knobs, options.share)
    _go_on(report, options.onto)
    last: list[Measured] = []
    for _ in range(options.runs):
        if groups:
            found, loads = _run(groups, knobs)
            last = sorted(found, key=lambda one: wanted.index(one.cell))
            for one in last:
                figures.add(report, one)
            for number, load in enumerate(loads, 1):
                _add_load(report, number, load)
        for name in names:
            if name in others:
                print(f"  {name}", flush=True)
                others[name](report, options.share)
    for one in last:
        figures.hold(report, one)
    figures.compare(report, wanted)
    for number in range(1, len(groups) + 1):
        for measure_ in (_BUSY, _SANDBOX):
            report.bound(_group(number), measure_, at_most=_MOST_BUSY)
    fairness.hold(report)
    budget.hold(report, options.share)


def _run(groups: Sequence[Sequence[Cell]], knobs: Knobs) -> tuple[list[Measured], list[Load]]:
    """What each cell came to, and how busy the machine was with each group."""
    found: list[Measured] = []
    loads: list[Load] = []
    with (
        tempfile.TemporaryDirectory(prefix="segq-bench-") as folder,
        running_postgres() as postgres,
    ):
        for number, group in enumerate(groups, 1):
            print(f"  {_group(number)}: {', '.join(one.name for one in group)}", flush=True)
            measured, load = run_together(postgres, Path(folder), group, knobs)
            found += measured
            loads.append(load)
    return found, loads


def _add_load(report: Report, number: int, load: Load) -> None:
    for measure_, unit, value in (
        (_BUSY, "% of all cores", load.busy),
        (_WAITED, "% of the time", load.waited),
        (_SANDBOX, "% of a core", load.sandbox),
    ):
        if value is not None:
            report.add(_group(number), measure_, unit, value, table=MACHINE)


def _tell(report: Report, groups: Sequence[Sequence[Cell]], knobs: Knobs, share: float) -> None:
    """What ran beside what; and that it was only tried out, where it was."""
    for knob in ("cells", "peers_at"):
        report.settings[knob] = " ".join(map(str, report.settings[knob]))  # type: ignore[call-overload]  # words
    for number, group in enumerate(groups, 1):
        report.settings[_group(number)] = " ".join(one.name for one in group)
    if knobs.windows < _WINDOWS or knobs.window != _WINDOW or share != 1:
        report.settings["note"] = (
            f"TRIED OUT, shrunk: it takes {_WINDOWS} windows of {_WINDOW:g} s and every job to tell"
        )


def _go_on(report: Report, path: Path | None) -> None:
    if path is None:
        return
    try:
        report.go_on(read(path))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ComplaintError(f"nothing can be added to the runs in {path}: {error}") from error


def _group(number: int) -> str:
    return f"group {number}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))
