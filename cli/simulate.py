"""`segq simulate SCENARIO.toml`: what a limit, a load and faults would do, on a virtual clock."""

import argparse
import json
from pathlib import Path

from cli.simulation.reading import read
from cli.simulation.running import simulate
from cli.simulation.showing import lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", type=Path, help="a TOML file, such as those in examples/scenarios"
    )
    parser.add_argument("--json", action="store_true", help="for programs: one JSON document")


def run(options: argparse.Namespace) -> int:
    result = simulate(read(options.scenario))
    print(json.dumps(result.as_json()) if options.json else "\n".join(lines(result)))
    return 0
