"""JSON whose numbers are kept as they are written: a float would round an amount of money, and one
number of five thousand digits must not make a whole page of history unreadable.
"""

import json
from typing import Any

LONGEST_INTEGER = 100
"""Digits. Longer ones become a float: no input has so many, and some would be refused by Python."""


class Number(str):
    """A number's text, such as `0.0061` or `1e5`."""

    __slots__ = ()


class TooManyValues(ValueError):  # noqa: N818  # read as: raise TooManyValues
    """More than the memory should hold: each is an object, twenty times as large as its text."""


def read(body: bytes | str, most_values: int) -> Any:
    """The value, with a `Number` for each number.

    Raises `TooManyValues`, or another `ValueError` for what is no JSON or is nested too deep.
    """
    if isinstance(body, str):
        count = sum(map(body.count, ",[{"))
    else:
        count = sum(map(body.count, (b",", b"[", b"{")))
    if count > most_values:
        raise TooManyValues(f"more than {most_values:,} values")
    try:
        return json.loads(body, parse_float=Number, parse_int=Number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def plain(value: Any) -> Any:
    """The same value with numbers in the place of their texts. Raises `ValueError` if too deep."""
    try:
        return _plain(value)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Number):
        whole = len(value) <= LONGEST_INTEGER and value.lstrip("-").isdigit()
        return int(value) if whole else float(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
