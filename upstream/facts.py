"""Reads the headers of an answer. An unreadable header must not cost a paid image: it is None."""

import math
import re
from collections.abc import Mapping

from jobs import money
from jobs.money import Money
from upstream import timestamps
from upstream.key import Key
from upstream.replies import Facts

LONGEST_REQUEST_ID = 200


def read(headers: Mapping[str, str], key: Key) -> Facts:
    """`headers` must be case-insensitive. Never raises."""
    return Facts(
        request_id=_request_id(headers.get("x-request-id"), key),
        cost=_cost(headers.get("x-cost")),
        credits=_amount(headers.get("x-remaining-credits")),
        seed=_integer(headers.get("x-seed-value")),
        generation_seconds=_seconds(headers.get("x-generation-time")),
        resets_at=timestamps.parse(headers.get("x-rate-limit-reset-at-utc")),
        date=timestamps.parse(headers.get("date")),
    )


def _request_id(text: str | None, key: Key) -> str | None:
    if not text or len(text) > LONGEST_REQUEST_ID or not text.isprintable():
        return None
    return key.scrub(text)


def _cost(text: str | None) -> Money | None:
    cost = _amount(text)
    # Below zero it would make room in a budget for what was never given back.
    return cost if cost is None or cost >= money.ZERO else None


def _amount(text: str | None) -> Money | None:
    if text is None:
        return None
    try:
        return money.parse(text)
    except (ValueError, ArithmeticError):
        # ArithmeticError: an exponent past decimal's own bounds, such as 1e9999999.
        return None


def _integer(text: str | None) -> int | None:
    # 18 digits always fit the 64 bits of a database column; the largest seed has 15.
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
