"""`segq models [MODEL]`: what the running system can make, and what each model takes."""

import argparse
import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.complaint import ComplaintError
from cli.model_form import command_of, fields_of, option_of, price_of, seconds_of
from cli.server import must_be_reached
from segq_client import Client, SegqError

_INDENT = " " * 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", help="such as ssd-canny; without it, all in a line each"
    )


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    try:
        with Client(server.gateway, server.api_key) as client:
            if options.model is None:
                print("\n".join(list_lines(client.models())))
            else:
                width = shutil.get_terminal_size().columns
                print("\n".join(form_lines(client.model(options.model), width)))
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    return 0


def list_lines(models: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each model, in columns."""
    rows = [(str(one["slug"]), price_of(one), seconds_of(one)) for one in models]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        + f"  {one['description']}"
        for row, one in zip(rows, models, strict=True)
    ]


def form_lines(model: Mapping[str, Any], width: int) -> Iterator[str]:
    """A model's parameters, as a form to be filled in at the command line, `width` columns wide."""
    yield f"{model['name']} ({model['slug']}): {price_of(model)}, typically {seconds_of(model)} a call"
    yield from textwrap.wrap(str(model["description"]), width)
    yield ""
    fields = fields_of(model)
    options = [f"--{option_of(field.name)}" for field in fields]
    longest = max(map(len, options))
    for option, field in zip(options, fields, strict=True):
        yield f"  {option.ljust(longest)}  {field.kind.ljust(7)}  {field.need}"
        if field.description:
            yield from _indented(field.description, width)
        if field.allowed:
            yield from _indented(f"Allowed: {field.allowed}", width)
    yield ""
    yield command_of(model)


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )
