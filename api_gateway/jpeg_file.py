"""Walks the segments of a JPEG (ITU-T T.81, annex B) to its end."""

import re
from dataclasses import dataclass, field

from api_gateway.outline import Cut, Outline, check_nothing_behind, check_size

MOST_SCANS = 100
"""A progressive JPEG is decoded once over for each scan; encoders write about ten."""
MOST_SCANNED = 400_000_000
"""Pixels times scans: ten scans of the largest picture, decoded in about a second."""
MOST_SEGMENTS = 2_000
"""The largest metadata that is spread over segments, an ICC profile, takes 255."""
MOST_PADDING = 4_096
"""Bytes. Cameras fill up a file's last block with 0x00 or 0xFF: that is no second content."""

_NAME = "a JPEG"
_END, _SCAN, _FIRST_APP, _MULTI_PICTURE_APP = 0xD9, 0xDA, 0xE0, 0xE2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
# In a scan's data, 0xFF stands before 0 (a byte of data), a restart marker or another 0xFF.
_STEP = 1_000_000
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


@dataclass
class _Seen:
    frames: int = 0
    pixels: int = 0
    scans: int = 0
    gain_map: bool = False
    index: slice | None = field(default=None)
    """Where the index of several pictures (CIPA DC-007) stands."""


def outline(data: bytes) -> Outline:
    """Raises `ValueError` for what is not exactly one whole picture.

    A photograph with a gain map, as phones write them by default (Ultra HDR, ISO 21496-1), is one
    picture: the second one says only where a bright screen may go brighter. It is kept without the
    map. Any other file of several pictures (MPO) is refused: which one is meant is not ours to say.
    """
    seen = _Seen()
    end = _walk(data, seen)
    if not seen.scans:
        raise ValueError(f"is {_NAME} without a picture in it")
    tail = data[end:]
    if len(tail) <= MOST_PADDING and not tail.strip(b"\0\xff"):
        return Outline("image/jpeg", data, lossless=False)
    if seen.gain_map and tail.startswith(b"\xff\xd8\xff"):
        # Without the index too: it would point at what is no longer there.
        gap = seen.index or slice(end, end)
        kept = data[: gap.start] + data[gap.stop : end]
        return Outline("image/jpeg", kept, lossless=False)
    if tail.startswith(b"\xff\xd8\xff"):
        raise ValueError(f"is {_NAME} with a second picture behind its end (MPO); send one picture")
    check_nothing_behind(_NAME, tail)
    raise AssertionError("unreachable: the tail is not empty")


def _walk(data: bytes, seen: _Seen) -> int:
    """The place behind the end marker."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        marker, body = _marker_at(data, at)
        if marker == _END:
            return body
        if marker in _ALONE:
            at = body
            continue
        length = int.from_bytes(data[body : body + 2])
        at = body + length
        if length < 2:
            raise ValueError(f"is {_NAME} with a damaged segment at byte {body:,}")
        if at > len(data):
            raise Cut(_NAME)
        _look(data, slice(body - 2, at), marker, seen)
        if marker == _SCAN:
            at = _end_of_scan(data, at)
    raise ValueError(f"is {_NAME} of more than {MOST_SEGMENTS:,} segments")


def _end_of_scan(data: bytes, at: int) -> int:
    # In steps: one search through 20 MB would keep every other thread waiting for half a second.
    for start in range(at, len(data), _STEP):
        found = _NEXT_MARKER.search(data, start, start + _STEP + 1)
        if found is not None:
            return found.start()
    raise Cut(_NAME)


def _marker_at(data: bytes, at: int) -> tuple[int, int]:
    """The marker and the place behind it; any number of 0xFF may stand before it."""
    if at >= len(data):
        raise Cut(_NAME)
    if data[at] != 0xFF:
        raise ValueError(f"is {_NAME} with a damaged segment at byte {at:,}")
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at == len(data):
        raise Cut(_NAME)
    return data[at], at + 1


def _look(data: bytes, segment: slice, marker: int, seen: _Seen) -> None:
    """`segment` begins with the marker's two bytes and its length's two."""
    inner = segment.start + 4
    if marker in _FRAMES:
        seen.frames += 1
        if seen.frames > 1 or segment.stop - inner < 6:
            raise ValueError(f"is {_NAME} with more than one frame, or a damaged one")
        height = int.from_bytes(data[inner + 1 : inner + 3])
        width = int.from_bytes(data[inner + 3 : inner + 5])
        check_size(width, height)
        seen.pixels = width * height
    elif marker == _SCAN:
        seen.scans += 1
        if seen.scans > MOST_SCANS:
            raise ValueError(f"is {_NAME} of more than {MOST_SCANS} scans")
        if seen.scans * seen.pixels > MOST_SCANNED:
            raise ValueError(
                f"is {_NAME} of too many scans for its {seen.pixels:,} pixels: at most "
                f"{MOST_SCANNED // seen.pixels}; save it with fewer, or as a baseline JPEG"
            )
        if not seen.frames:
            raise ValueError(f"is {_NAME} with a scan before its frame")
    elif _FIRST_APP <= marker <= _FIRST_APP + 15:
        body = data[inner : segment.stop]
        if marker == _MULTI_PICTURE_APP and body.startswith(b"MPF\0"):
            seen.index = segment
        if body.startswith(b"urn:iso:std:iso:ts:21496:-1\0") or b"hdrgm:Version" in body:
            seen.gain_map = True
