"""The place in a list where the next page goes on, as text that says nothing to its holder."""

import base64
import binascii
import hashlib
import json
from dataclasses import asdict
from uuid import UUID

from api_gateway import times
from db.job_walks import JobFilter

_VERSION = b"\x01"
_DIGEST_BYTES = 16
_LENGTH = 44
"""Of the text: a version, an id and a digest are 33 bytes, so base64 needs no padding."""


def cursor(wanted: JobFilter, below: UUID | None) -> str | None:
    """For the page whose jobs have ids less than `below`; None after the last page."""
    if below is None:
        return None
    return base64.urlsafe_b64encode(_VERSION + below.bytes + _digest(wanted)).decode()


def below(text: str, wanted: JobFilter) -> UUID:
    """Where to go on. Raises `ValueError` for what is no cursor, or is one of another filter."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(text) != _LENGTH or raw[:1] != _VERSION:
        raise ValueError("is no cursor: give next_cursor of the page before, as it is")
    # Another filter's pages would begin in the middle, as if all before had been seen.
    if raw[-_DIGEST_BYTES:] != _digest(wanted):
        raise ValueError("was given for another filter: repeat that one's parameters as they were")
    return UUID(bytes=raw[1:-_DIGEST_BYTES])


def _digest(wanted: JobFilter) -> bytes:
    written = {
        **asdict(wanted),
        "states": sorted(wanted.states),
        "tags": sorted(wanted.tags),
        "created_after": times.text(wanted.created_after),
        "created_before": times.text(wanted.created_before),
    }
    text = json.dumps(written, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()[:_DIGEST_BYTES]
