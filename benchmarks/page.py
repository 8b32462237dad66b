"""docs/benchmarks.md: `python -m benchmarks.page` puts the last results into its tables.

What a person wrote there stays; between `<!-- NAME -->` and `<!-- /NAME -->` stands what
`benchmarks/results/NAME.json` says. A benchmark without results keeps what stands there.
"""

import argparse
import re
import sys
from pathlib import Path

from benchmarks import report, tables
from benchmarks.complaint import ComplaintError
from benchmarks.names import BENCHMARKS, PAGE, RESULTS
from benchmarks.report import Report

COMMAND = ".venv/bin/python -m benchmarks.page"


def filled(page: str, found: Report) -> str:
    """The page with one benchmark's tables; raises `ComplaintError` when it has no place for them."""
    name = re.escape(found.benchmark)
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if len(place.findall(page)) != 1:
        raise ComplaintError(
            f"the page needs one <!-- {found.benchmark} --> and one <!-- /{found.benchmark} -->"
        )
    return place.sub(lambda marks: f"{marks[1]}{_section(found)}{marks[2]}", page)


def main() -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="a folder of JSON files")
    folder: Path = parser.parse_args().results
    page = PAGE.read_text("utf-8")
    for name in BENCHMARKS:
        path = folder / f"{name}.json"
        if path.is_file():
            page = filled(page, report.read(path))
        else:
            print(f"{path} is not there: what the page says of {name} stays")
    PAGE.write_text(page, "utf-8")
    print(f"wrote {PAGE}")
    return 0


def _section(found: Report) -> str:
    machine = "; ".join(f"{name}: {value}" for name, value in found.machine.items())
    knobs = ", ".join(f"{name} {_knob(value)}" for name, value in found.settings.items())
    parts = [f"Measured on {found.began[:10]} with {knobs}.\nMachine: {machine}.\n"]
    for title, table in tables.all_of(found):
        parts += [f"**{title}**\n"] if title else []
        parts.append(_markdown(table))
    return "\n".join(["", *parts, ""])


def _knob(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name}: {one}" for name, one in value.items()) + ")"
    return str(value)


def _markdown(table: tables.Table) -> str:
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    return "\n".join([head, "|---" * len(table[0]) + "|", *rows, ""])


if __name__ == "__main__":
    try:
        code = main()
    except ComplaintError as error:
        print(f"{PAGE}: {error}", file=sys.stderr)
        code = 1
    sys.exit(code)
