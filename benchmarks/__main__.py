"""`python -m benchmarks NAME`: one of the benchmarks, or `all`; without a name, what there is."""

import argparse
import signal
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType

from benchmarks import machine, printing
from benchmarks.complaint import ComplaintError
from benchmarks.names import BENCHMARKS, RESULTS
from benchmarks.report import Report

_ALL = "all"
_INTERRUPTED = 130
_FILES = {"json", "onto"}
"""Options that say nothing of what was measured."""


def main(words: list[str]) -> int:
    """Exit status 1 with a line for what a person can put right, 2 for words it does not know."""
    if not words or words[0] in {"-h", "--help"}:
        print(_listing())
        return 0
    name, *rest = words
    try:
        if name in BENCHMARKS:
            return _run(name, _parser(name).parse_args(rest))
        if name == _ALL:
            return _run_all(_parser(name).parse_args(rest))
    except ComplaintError as error:
        print(f"segq bench {name}: {error}", file=sys.stderr)
        return 1
    print(f"there is no benchmark {name!r}; there are\n{_listing()}", file=sys.stderr)
    return 2


def _listing() -> str:
    told = {**BENCHMARKS, _ALL: "each of them, for docs/benchmarks.md"}
    width = max(map(len, told))
    return "\n".join(f"  {name.ljust(width)}  {purpose}" for name, purpose in told.items())


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"segq bench {name}", description=BENCHMARKS.get(name), allow_abbrev=False
    )
    if name != _ALL:
        # Only the module that was asked for: each imports what it measures.
        _module(name).add_arguments(parser)
    kind = "folder" if name == _ALL else "file"
    parser.add_argument("--runs", type=_at_least_one, default=3, help="default: %(default)d")
    parser.add_argument(
        "--json", type=Path, help=f"the {kind} for what was found; default: in benchmarks/results"
    )
    return parser


def _run(name: str, options: argparse.Namespace) -> int:
    knobs = {knob: value for knob, value in vars(options).items() if knob not in _FILES}
    began = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(name, began, machine.describe(), knobs)
    printing.show_machine(report)
    _module(name).measure(options, report)
    printing.show(report)
    path = options.json or RESULTS / f"{name}.json"
    report.write(path)
    print(f"\nwrote {path}")
    return 0


def _run_all(options: argparse.Namespace) -> int:
    for name in BENCHMARKS:
        path = (options.json or RESULTS) / f"{name}.json"
        words = ["--runs", str(options.runs), "--json", str(path)]
        _run(name, _parser(name).parse_args(words))
        print()
    return 0


def _module(name: str) -> ModuleType:
    return import_module(f"benchmarks.{name.replace('-', '_')}")


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    # As Ctrl-C does: what was started is ended on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)
