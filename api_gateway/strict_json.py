"""JSON as RFC 8259 has it, without Python's leniency, bounded in depth and in number of values."""

import json
import math
from typing import Any, NoReturn

from api_gateway import problems
from api_gateway.problems import Problem

DEEPEST = 32
MOST_VALUES = 100_000
"""Counted as commas and opening brackets, those in texts too: 30 MB of `[],` would fill memory."""


def parse(raw: bytes) -> Any:
    """The value; raises a 400 problem that says where and why it cannot be read."""
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise _refused(f"it may hold at most {MOST_VALUES:,} commas and opening brackets")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno} (character {error.pos})"
        raise _refused(f"{error.msg} at {at}") from None
    except UnicodeDecodeError as error:
        raise _refused(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise _refused(_TOO_DEEP) from None
    except ValueError as error:
        raise _refused(str(error)) from None
    if _deeper_than(value, DEEPEST):
        raise _refused(_TOO_DEEP)
    return value


_TOO_DEEP = f"it may be nested at most {DEEPEST} deep"


def _refused(why: str) -> Problem:
    return Problem(problems.MALFORMED, f"The body is not JSON that can be taken: {why}.")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {ascii(name)[:80]} stands twice in one object")
            seen.add(name)
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _int(text: str) -> int:
    # Beyond the largest double nobody else could read it, and comparing it to one would raise.
    if len(text) > 310 or not math.isfinite(float(text)):
        raise ValueError(f"the number {text[:40]} is too large")
    return int(text)


def _deeper_than(value: Any, bound: int) -> bool:
    level = [value]
    for _ in range(bound + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        if not inner:
            return False
        level = inner
    return True
