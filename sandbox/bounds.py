"""Bounds of single JSON values: each check gives the value back, or says what it must be."""

import re
from collections.abc import Callable
from typing import Any

Check = Callable[[object], Any]
"""Takes a JSON value and returns it; raises ValueError "must be …" for one out of bounds."""

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# What HTTP forbids in a value, and anything else that Latin-1 cannot write.
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff]([\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
_FRAMING = ("content-length", "transfer-encoding")


def integer(low: int, high: int) -> Check:
    """An integer from ``low`` to ``high``; true and 1.0 are none."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be an integer from {low} to {high}")
        return value

    return check


def number(low: float, high: float, *, above: bool = False, below: bool = False) -> Check:
    """A number from ``low`` to ``high``, the bound itself left out with ``above`` and ``below``."""
    said = f"{'above' if above else 'from'} {low:,} {'and below' if below else 'to'} {high:,}"

    def check(value: object) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
            or (above and value == low)
            or (below and value == high)
        ):
            raise ValueError(f"must be a number {said}")
        return float(value)

    return check


def one_of(*choices: str) -> Check:
    """One of these texts."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return check


def truth(value: object) -> bool:
    """Either of the two, and nothing that merely counts as one."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - ValueError is what is caught
    return value


def text(least: int, most: int) -> Check:
    """Text of ``least`` to ``most`` characters."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise ValueError(f"must be text of {least} to {most} characters")
        return value

    return check


def or_null(check: Check) -> Check:
    """null, or what ``check`` takes."""

    def either(value: object) -> Any:
        try:
            return None if value is None else check(value)
        except ValueError as error:
            raise ValueError(str(error).replace("must be", "must be null or", 1)) from None

    return either


def header_value(value: object) -> str:
    """What can stand as a header's value on the wire."""
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise ValueError("must be a header value: Latin-1, no control characters, no outer spaces")
    return value


def headers(value: object) -> dict[str, str]:
    """Header names, in lower case, with their values; none that would break the framing."""
    if not isinstance(value, dict):
        raise ValueError("must be an object of header names and values")  # noqa: TRY004 - see truth
    found: dict[str, str] = {}
    for name, one in value.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(f"must not name {name[:50]!r}: it is no header name, or the framing's")
        found[name.lower()] = header_value(one)
    return found
