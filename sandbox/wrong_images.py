"""Bodies that are no good image, each in its own way."""

import struct
import zlib
from functools import cache

BOMB_SIDE = 60_000
"""Pixels. At one bit each that is 450 MB, at the 24 of RGB 10.8 GB."""

_ROW = 1 + BOMB_SIDE // 8
_ROWS_AT_ONCE = 1_000
_NO_IMAGE = b"This is not an image. "


@cache
def bomb() -> bytes:
    """A valid PNG of BOMB_SIDE x BOMB_SIDE black pixels, less than half a megabyte long."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 1, 0, 0, 0, 0)),
        (b"IDAT", _black_rows()),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def garbage(length: int) -> bytes:
    """So many bytes of text."""
    return (_NO_IMAGE * (length // len(_NO_IMAGE) + 1))[:length]


def _black_rows() -> bytes:
    # A flush makes the packed rows independent of what stands before them, so that they can be
    # repeated; to pack all of them would cost seconds.
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(_ROW * _ROWS_AT_ONCE)) + packer.flush(zlib.Z_FULL_FLUSH)
    # Adler-32 of nothing but zeros: its first sum stays 1, its second counts them.
    checksum = (_ROW * BOMB_SIDE % 65_521) << 16 | 1
    end = b"\x03\x00"  # an empty last block
    return b"\x78\xda" + packed * (BOMB_SIDE // _ROWS_AT_ONCE) + end + struct.pack(">I", checksum)
