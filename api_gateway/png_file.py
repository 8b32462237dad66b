"""Walks the chunks of a PNG (W3C PNG, third edition) to its end."""

import zlib
from collections import Counter

from api_gateway.outline import Cut, Outline, check_nothing_behind, check_size

MOST_CHUNKS = 50_000
"""20 MB in pieces of 400 bytes; encoders write 8 kB and more."""
MOST_PACKED = 100
"""Chunks of metadata that unpack. Each is unpacked to 1 MB at the most, so together to 100 MB."""

_NAME = "a PNG"
_MAGIC = 8
_PACKED = ("iCCP", "iTXt", "zTXt")
_ONCE = ("IHDR", "acTL", "iCCP")


def outline(data: bytes) -> Outline:
    """Raises `ValueError` for what is not exactly one whole picture."""
    at = _MAGIC
    seen: Counter[str] = Counter()
    while not seen["IEND"]:
        if at + 12 > len(data):
            raise Cut(_NAME)
        length = int.from_bytes(data[at : at + 4])
        name = data[at + 4 : at + 8].decode("latin-1")
        if not (name.isascii() and name.isalpha()) or length >= 2**31:
            raise ValueError(f"is {_NAME} with a damaged chunk at byte {at:,}")
        if at + 12 + length > len(data):
            raise Cut(_NAME)
        body = memoryview(data)[at + 8 : at + 8 + length]
        checksum = int.from_bytes(data[at + 8 + length : at + 12 + length])
        if zlib.crc32(body, zlib.crc32(data[at + 4 : at + 8])) != checksum:
            raise ValueError(f"is {_NAME} with a damaged chunk: {name} at byte {at:,}")
        seen[name] += 1
        _look(name, bytes(body[:8]), seen)
        at += 12 + length
    if not seen["IDAT"]:
        raise ValueError(f"is {_NAME} without a picture in it")
    check_nothing_behind(_NAME, data[at:])
    return Outline("image/png", data, lossless=True)


def _look(name: str, head: bytes, seen: Counter[str]) -> None:
    if seen.total() == 1:
        if name != "IHDR" or len(head) < 8:
            raise ValueError(f"is {_NAME} that does not begin with its header")
        check_size(int.from_bytes(head[:4]), int.from_bytes(head[4:8]))
    if name in _ONCE and seen[name] > 1:
        raise ValueError(f"is {_NAME} with two chunks {name}, of which there may be one")
    if name == "acTL" and (frames := int.from_bytes(head[:4])) != 1:
        raise ValueError(f"is an animated PNG with {frames:,} frames; send one picture")
    if sum(seen[packed] for packed in _PACKED) > MOST_PACKED:
        raise ValueError(f"is {_NAME} with more than {MOST_PACKED} chunks of packed metadata")
    if seen.total() > MOST_CHUNKS:
        raise ValueError(f"is {_NAME} of more than {MOST_CHUNKS:,} chunks")
