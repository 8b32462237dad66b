"""How long a tenant keeps what, as an operator writes it: `30d`, `36h`, `forever` or `default`."""

import argparse
from collections.abc import Callable
from datetime import timedelta

from jobs.retention import DEFAULT, read_span, span_text

WORDS = "30d|36h|forever|default"


def reader(name: str) -> Callable[[str], int | str]:
    """Of an option: seconds, 0 for ever; `default` stays."""

    def read(text: str) -> int | str:
        if text == DEFAULT:
            return DEFAULT
        try:
            span = read_span(text, name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}, or {DEFAULT}") from None
        return 0 if span is None else span // timedelta(seconds=1)

    return read


def shown(seconds: int | None) -> str:
    """What stands in a tenant's row, as it would be written."""
    if seconds is None:
        return DEFAULT
    return span_text(timedelta(seconds=seconds) if seconds else None)
