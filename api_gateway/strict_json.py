"""JSON as RFC 8259 has it, without Python's leniency, bounded in depth and in number of values.

A number is taken as it is written or refused, never rounded. A whole number is kept digit for
digit, one beyond 2^53 too (in `metadata`, which is the caller's own; parameters have bounds).
One with a fraction or an exponent becomes a double, so it is refused when no double prints as it.
"""

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from api_gateway import problems
from api_gateway.json_places import below
from api_gateway.problems import Problem
from jobs.errors import FieldProblem

DEEPEST = 32
MOST_VALUES = 100_000
"""Counted as commas and opening brackets, those in texts too: 30 MB of `[],` would fill memory."""
LONGEST_FRACTION = 310
"""Characters; the largest double has 309. 30 MB of digits would be much work to compare."""
_DOUBLES_DIGITS = 17
"""Significant digits with which every double is written unmistakably (IEEE 754)."""
_BODY = "body"


@dataclass(frozen=True)
class _Wrong:
    """Stands in the document where a value cannot be taken, until its place is known."""

    why: str
    name: str = ""


def parse(raw: bytes) -> Any:
    """The value; raises a 400 problem that says where and why it cannot be read."""
    if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MOST_VALUES:
        raise _refused(f"it may hold at most {MOST_VALUES:,} commas and opening brackets")
    reader = _Reader()
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=reader.members,
            parse_constant=reader.constant,
            parse_float=reader.fraction,
            parse_int=reader.whole,
        )
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno} (character {error.pos})"
        raise _refused(f"{error.msg} at {at}") from None
    except UnicodeDecodeError as error:
        raise _refused(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise _refused(_TOO_DEEP) from None
    _check(value, look_for_wrong=reader.found_wrong)
    return value


_TOO_DEEP = f"it may be nested at most {DEEPEST} deep"


def _refused(why: str, place: str = _BODY) -> Problem:
    return Problem(
        problems.MALFORMED,
        f"The body is not JSON that can be taken: {why}.",
        [FieldProblem(place, why)],
    )


class _Reader:
    """The hooks of one parse. They cannot know where they are, so they leave a mark."""

    def __init__(self) -> None:
        self.found_wrong = False

    def members(self, pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                return self._wrong(f"the name {ascii(name)[:80]} stands twice in one object", name)
            seen.add(name)
        raise AssertionError("unreachable: a name was there twice")

    def constant(self, text: str) -> _Wrong:
        return self._wrong(f"{text} is no JSON number")

    def whole(self, text: str) -> Any:
        # Beyond the largest double nobody else could read it, and comparing it to one would raise.
        if not math.isfinite(float(text)):
            return self._wrong(f"the number {text[:40]} is too large")
        return int(text)

    def fraction(self, text: str) -> Any:
        number = float(text) if len(text) <= LONGEST_FRACTION else math.nan
        if math.isinf(number):
            return self._wrong(f"the number {text[:40]} is too large")
        if math.isnan(number) or not _is_held(text, number):
            return self._wrong(f"the number {text[:40]} has more digits than a double can hold")
        return number

    def _wrong(self, why: str, name: str = "") -> _Wrong:
        self.found_wrong = True
        return _Wrong(why, name)


def _is_held(text: str, number: float) -> bool:
    """Whether the double, written with as many digits as the text has, is what the text says."""
    try:
        said = Decimal(text)
        digits = len(said.normalize().as_tuple().digits)
    except ArithmeticError:
        return False  # an exponent of twenty digits
    if digits > _DOUBLES_DIGITS:
        return said == Decimal(number)
    return said == Decimal(f"{number:.{digits}g}")


def _check(value: Any, *, look_for_wrong: bool) -> None:
    """Depth is looked at level by level, without recursion; places are named only when needed."""
    level = [("", value)]
    for _ in range(DEEPEST + 1):
        if look_for_wrong:
            for place, one in level:
                if isinstance(one, _Wrong):
                    raise _refused(one.why, ".".join(filter(None, (place, one.name))) or _BODY)
        level = [found for place, one in level for found in below(place, one)]
        if not level:
            return
    raise _refused(_TOO_DEEP, level[0][0])
