"""Moments as RFC 3339 writes them."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_EXAMPLE = "2026-01-31T12:00:00Z"


def parse(value: object) -> datetime:
    """The moment in UTC, to the microsecond; raises `ValueError` for what is none or has no zone."""
    if not isinstance(value, str):
        raise ValueError(f"must be a time as RFC 3339 writes it, such as {_EXAMPLE}")  # noqa: TRY004  # one error for all that is wrong
    if _NAIVE.fullmatch(value):
        raise ValueError(f"must name its time zone, such as {_EXAMPLE}")
    if not _RFC3339.fullmatch(value):
        raise ValueError(f"must be a time as RFC 3339 writes it, such as {_EXAMPLE}")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is no moment of any calendar day that can be kept") from None


def text(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, with `Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
