"""The place in a batch's results where the next page begins, as text that says nothing to its holder."""

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

from db.batch_results import BEGIN, Place
from jobs.batches import MOST_JOBS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = struct.Struct(">cqq16s")
_NO_END = -1


def text(order: str, place: Place) -> str:
    """For the page behind that place, in that order."""
    ended = _NO_END
    if place.ended is not None:
        ended = (place.ended - _EPOCH) // timedelta(microseconds=1)
    raw = _FORM.pack(order[:1].encode(), place.position, ended, place.job_id.bytes)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def place(order: str, given: str) -> Place:
    """Raises `ValueError` for what is no cursor, or is one of the other order."""
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
        mark, position, ended, job_id = _FORM.unpack(raw)
    except (binascii.Error, struct.error, ValueError):
        raise ValueError("is no cursor: give Next-Cursor of the page before, as it is") from None
    if not BEGIN.position <= position <= MOST_JOBS:
        raise ValueError("is no cursor: give Next-Cursor of the page before, as it is")
    if mark != order[:1].encode():
        raise ValueError("was given for another order: repeat that one")
    try:
        moment = None if ended == _NO_END else _EPOCH + timedelta(microseconds=ended)
    except OverflowError:
        raise ValueError("is no cursor: give Next-Cursor of the page before, as it is") from None
    return Place(position, moment, UUID(bytes=job_id))
