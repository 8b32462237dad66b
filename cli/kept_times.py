"""How long a tenant, or a batch, keeps what, as it is written: `30d`, `36h`, `forever`; `default`."""

import argparse
from collections.abc import Callable
from datetime import timedelta

from jobs.retention import DEFAULT, read_span, seconds_of, span_text

WORDS = "30d|36h|forever|default"


def reader(name: str) -> Callable[[str], int | str]:
    """Of an option: seconds, 0 for ever; `default` stays."""

    def read(text: str) -> int | str:
        if text == DEFAULT:
            return DEFAULT
        try:
            return seconds_of(read_span(text, name)) or 0
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}, or {DEFAULT}") from None

    return read


def of_batch(name: str) -> Callable[[str], str]:
    """Of an option: a time as it is written, checked."""

    def read(text: str) -> str:
        try:
            return span_text(read_span(text, name))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} {error}") from None

    return read


def shown(seconds: int | None) -> str:
    """What stands in a tenant's row, as it would be written."""
    if seconds is None:
        return DEFAULT
    return span_text(timedelta(seconds=seconds) if seconds else None)
