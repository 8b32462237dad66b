"""Reads a timestamp whose format the provider does not document (segmind-api §1).

ISO 8601 with or without a zone (then UTC), epoch seconds, epoch milliseconds and an HTTP date are
understood. What lies outside the years 2020 to 2100 is nonsense rather than a time: a queue that
waits for it would wait for ever, or not at all.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_SECONDS_END = 10**11
"""Epoch numbers from here on are milliseconds: as seconds they would lie past the year 5000."""
_LONGEST = 64


def parse(text: str | None) -> datetime | None:
    """The moment in UTC, or None. Never raises."""
    if text is None or len(text) > _LONGEST:
        return None
    try:
        moment = _read(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def _read(text: str) -> datetime:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        number = float(text)
        return datetime.fromtimestamp(number if number < _SECONDS_END else number / 1000, UTC)
    if re.match(r"[0-9]{4}", text):
        return datetime.fromisoformat(re.sub(r" ?(UTC|GMT)$", "+00:00", text))
    return parsedate_to_datetime(text)
