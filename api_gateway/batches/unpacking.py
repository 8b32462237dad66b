"""What comes gzipped, piece by piece, with bounded memory whatever it unpacks to."""

import zlib
from collections.abc import Iterator

from jobs.errors import FieldProblem, InvalidInput

MOST_UNPACKED = 4_000_000_000
"""Bytes of one upload. A million lines of four kilobytes; a bomb ends there."""
_PIECE = 1 << 18
_GZIP = 16 + zlib.MAX_WBITS


class Plain:
    """What comes as it is."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The same, if there is any."""
        if piece:
            yield piece

    def end(self) -> None:
        """Nothing can be missing."""


class Gunzip:
    """RFC 1952, several members one after the other as well."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)
        self._is_within = False
        self._unpacked = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What this piece unpacks to, a quarter of a megabyte at a time.

        Raises `InvalidInput` for what is no gzip, and for too much.
        """
        left = piece
        while left:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP)
            self._is_within = True
            try:
                found = self._inflate.decompress(left, _PIECE)
            except zlib.error as error:
                raise _wrong(f"is no gzip data that can be unpacked ({error})") from None
            left = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            self._is_within = not self._inflate.eof
            self._unpacked += len(found)
            if self._unpacked > MOST_UNPACKED:
                raise _wrong(f"unpacks to more than {MOST_UNPACKED:,} bytes: send it in parts")
            if found:
                yield found

    def end(self) -> None:
        """Raises `InvalidInput` where the data ends before it should."""
        if self._is_within or not self._unpacked:
            raise _wrong(
                f"ends in the midst of its gzip data, after {self._unpacked:,} unpacked bytes"
            )


def _wrong(why: str) -> InvalidInput:
    return InvalidInput([FieldProblem("body", why)])
