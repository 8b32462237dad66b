"""Walks the chunks of a WebP (RFC 9649) to its end."""

from collections import Counter

from api_gateway.outline import Cut, Outline, check_nothing_behind, check_size

MOST_CHUNKS = 1_000
_NAME = "a WebP"
_HEADER = 12
_ANIMATED = 0x02


def outline(data: bytes) -> Outline:
    """Raises `ValueError` for what is not exactly one whole picture."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Cut(_NAME)
    at = _HEADER
    seen: Counter[bytes] = Counter()
    animated = False
    while at < end:
        name = data[at : at + 4]
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        start = at + 8
        at = start + length + length % 2
        # The last chunk's padding byte is left out by some encoders.
        if start + length > end:
            raise ValueError(f"is {_NAME} with a damaged chunk at byte {start - 8:,}")
        seen[name] += 1
        if seen.total() > MOST_CHUNKS:
            raise ValueError(f"is {_NAME} of more than {MOST_CHUNKS:,} chunks")
        head = data[start : start + min(length, 10)]
        animated = animated or (name == b"VP8X" and bool(head[:1]) and bool(head[0] & _ANIMATED))
        _check_size(name, head)
    if animated or seen[b"ANMF"]:
        raise ValueError(f"is an animated WebP with {seen[b'ANMF']:,} frames; send one picture")
    if seen[b"VP8 "] + seen[b"VP8L"] != 1 or seen[b"VP8X"] > 1:
        raise ValueError(f"is {_NAME} without exactly one picture in it")
    check_nothing_behind(_NAME, data[max(at, end) :])
    return Outline("image/webp", data, lossless=bool(seen[b"VP8L"]))


def _check_size(name: bytes, head: bytes) -> None:
    match name, len(head):
        case b"VP8X", 10:
            width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (4, 7))
        case b"VP8 ", 10:
            width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        case b"VP8L", length if length >= 5:
            bits = int.from_bytes(head[1:5], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case ((b"VP8X" | b"VP8 " | b"VP8L"), _):
            raise ValueError(f"is {_NAME} with a damaged chunk: {name.decode().strip()}")
        case _:
            return
    check_size(width, height)
