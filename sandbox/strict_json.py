"""JSON as RFC 8259 has it, without Python's leniency.

Python's parser takes NaN, Infinity, 1e999 and repeated names. A client that sends them works
against a lenient server only, so each is refused here.
"""

import json
import math
from typing import Any, NoReturn

from sandbox.refusals import RefusedError


def object_of(raw: bytes) -> dict[str, Any]:
    """The JSON object in ``raw`` (UTF-8). Raises RefusedError 400 for anything else."""
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        # A lone surrogate ("\ud800") parses, and then cannot be written as UTF-8 again.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise RefusedError(400, "Invalid JSON body: nested too deeply") from None
    except ValueError as error:  # JSON and Unicode errors are ValueErrors too
        raise RefusedError(400, f"Invalid JSON body: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "Invalid JSON body: it must be an object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands twice")
        found[name] = value
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
