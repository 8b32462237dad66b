"""`segq estimate MODEL ...`: what jobs would cost and when they would run; submits nothing."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from cli.complaint import ComplaintError
from cli.model_input import read_exact, read_parameters, without_files
from cli.server import must_be_reached
from cli.wording import clock_of
from segq_client import Client, Estimate, SegqError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "segq estimate MODEL [--count N] [--PARAMETER VALUE ...]"
    parser.epilog = "Parameters are those of `segq run`; an image that is a local file stays here."
    parser.add_argument("model", help="such as ssd-canny")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=JSON", help="a parameter as JSON"
    )


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    try:
        with Client(server.gateway, server.api_key) as client:
            model = client.model(options.model)
            words = read_parameters(options.rest, model["input_schema"])
            values = {**without_files(words, model), **read_exact(options.param)}
            found = client.estimate(options.model, values, count=options.count)
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    print("\n".join(lines(found)))
    return 0


def lines(found: Estimate) -> Iterator[str]:
    """The estimate in words."""
    (each,) = found.prices
    price = f"${found.price}" + (f" (${each} each)" if found.jobs > 1 else "")
    yield f"{found.jobs:,} job{'s' if found.jobs > 1 else ''}: {price}{_of_balance(found)}"
    if found.estimated_start is not None:
        ends = "nobody knows when" if found.estimated_end is None else clock_of(found.estimated_end)
        pace = f"{found.calls_per_minute:g} calls a minute"
        yield f"from {clock_of(found.estimated_start)} to {ends}, at {pace}, if nobody else comes"
    if found.note:
        yield found.note


def _of_balance(found: Estimate) -> str:
    if found.left is None:
        return "; the balance is not known"
    if found.suffices:
        return f"; the balance of ${found.left} suffices"
    return f"; the balance of ${found.left} does not suffice for them and what is queued before"
