"""Reads what an answer tells besides its result. What is unreadable must not cost a paid image: it
is None.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from jobs import money
from jobs.money import Money
from upstream import timestamps
from upstream.key import Key
from upstream.replies import Facts

LONGEST_REQUEST_ID = 200


def read(headers: Mapping[str, str], key: Key) -> Facts:
    """`headers` must be case-insensitive. Never raises."""
    return Facts(
        request_id=request_id(headers.get("x-request-id"), key),
        cost=cost(headers.get("x-cost")),
        credits=_amount(headers.get("x-remaining-credits")),
        seed=_integer(headers.get("x-seed-value")),
        generation_seconds=_seconds(headers.get("x-generation-time")),
        generation_step=_step(headers.get("x-generation-time")),
        resets_at=timestamps.parse(headers.get("x-rate-limit-reset-at-utc")),
        date=timestamps.parse(headers.get("date")),
    )


def of_record(body: Mapping[str, Any], headers: Mapping[str, str], key: Key) -> Facts:
    """The facts of a v2 request, of which the body of an answer tells; numbers are their texts.

    The headers are those of a question about it: only what is true of the account counts of them,
    and not their name and cost of this one exchange. Never raises.
    """
    metrics = body.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    credit = _amount(_text(metrics.get("remaining_credits")))
    return Facts(
        request_id=request_id(body.get("request_id"), key),
        cost=cost(metrics.get("cost")),
        credits=_amount(headers.get("x-remaining-credits")) if credit is None else credit,
        seed=_integer(_text(body.get("seed"))),
        generation_seconds=_seconds(_text(metrics.get("inference_time"))),
        resets_at=timestamps.parse(headers.get("x-rate-limit-reset-at-utc")),
        date=timestamps.parse(headers.get("date")),
    )


def request_id(value: object, key: Key) -> str | None:
    """A text that can be shown, kept, and asked for again unless it held the key."""
    text = _text(value)
    if not text or text.isspace() or len(text) > LONGEST_REQUEST_ID or not text.isprintable():
        return None
    return key.scrub(text)


def cost(value: object) -> Money | None:
    """An amount that was spent."""
    amount = _amount(_text(value))
    # Below zero it would make room in a budget for what was never given back.
    return amount if amount is None or amount >= money.ZERO else None


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) else None


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


def _step(text: str | None) -> float:
    """What its last digit counts: 5.9 may be 5.95."""
    found = re.fullmatch(r"[0-9]*\.?([0-9]{0,6})", text or "")
    return 10.0 ** -len(found[1]) if found and "." in (text or "") else 1.0


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "nan")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
