"""Moments as RFC 3339 writes them."""

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_EXAMPLE = "2026-01-31T12:00:00Z"
# Outside of these a time is a slip (0, seconds taken for milliseconds), and near the calendar's
# ends adding to it would overflow.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def parse(value: object) -> datetime:
    """The moment in UTC, to the microsecond, from 1970 to 2999.

    Raises `ValueError` for what is none, has no zone, or lies outside.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be a time as RFC 3339 writes it, such as {_EXAMPLE}")  # noqa: TRY004  # one error for all that is wrong
    if _NAIVE.fullmatch(value):
        raise ValueError(f"must name its time zone, such as {_EXAMPLE}")
    if not _RFC3339.fullmatch(value):
        raise ValueError(f"must be a time as RFC 3339 writes it, such as {_EXAMPLE}")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no moment of any calendar day that can be kept") from None
    if not _FIRST <= moment <= _LAST:
        raise ValueError("must lie in the years 1970 to 2999 (UTC)")
    return moment


def text(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, with `Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def about(moment: datetime | None, now: datetime | None = None) -> str | None:
    """A moment that is only reckoned, rounded up: to a second when near, to a minute when far.

    The steps divide each other, so that of two moments the later one is never told as the earlier.
    """
    if moment is None:
        return None
    ahead = moment - (now or datetime.now(UTC))
    step = next(step for bound, step in _STEPS if ahead < bound)
    return text(moment + (_FIRST - moment) % step)


_STEPS = (
    (timedelta(minutes=2), timedelta(seconds=1)),
    (timedelta(minutes=10), timedelta(seconds=5)),
    (timedelta(hours=1), timedelta(seconds=15)),
    (timedelta.max, timedelta(minutes=1)),
)
"""How far ahead, and the step then: about a hundredth of the way."""
