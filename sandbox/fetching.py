"""Fetches an image URL, when the setting ``fetch_images`` allows it, quickly or not at all."""

import time
import urllib.error
import urllib.request
from http.client import HTTPException

MOST_BYTES = 20_000_000
_STALL_SECONDS = 1.0
_TOTAL_SECONDS = 5.0


def fetched(url: str) -> bytes | None:
    """The bytes behind an http(s) ``url``, or None if they cannot be had in time.

    A connect or a read that takes over 1 s, 5 s in all, or 20 MB end it. Blocks: call it from a
    thread. It goes wherever the URL points, so the setting is for trusted callers only.
    """
    ends = time.monotonic() + _TOTAL_SECONDS
    data = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=_STALL_SECONDS) as answer:  # noqa: S310 - validated as http(s)
            while piece := answer.read1(65_536):
                data += piece
                if len(data) > MOST_BYTES or time.monotonic() > ends:
                    return None
    except (OSError, HTTPException, ValueError):
        return None
    return bytes(data)
