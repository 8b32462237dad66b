"""Cuts an upload into records, each with its place, as its pieces arrive: lines of JSON Lines, rows
of CSV, members of a JSON array. What a record means is read elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.errors import FieldProblem, InvalidInput

LONGEST = 1_000_000
"""Bytes of a record. An image does not belong into a line: it is uploaded first."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Record:
    """`number`: of its (first) line in the upload, or of the member in the array, from 1; `last`: of
    its last line, where it has several.

    `raw` is None for one that is longer than `LONGEST`; its bytes are gone.
    """

    number: int
    raw: bytes | None
    last: int | None = None


class _Lines:
    """Lines, ended by LF or CR LF, numbered as an editor does."""

    def __init__(self, *, skips_empty: bool) -> None:
        self._skips_empty = skips_empty
        self._kept = b""
        self._number = 1
        self._too_long = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        first, *others = piece.split(b"\n")
        for one in others:
            if first or self._kept or self._too_long or not self._skips_empty:
                yield self._line(first)
            else:
                # A million of them are a few kilobytes of gzip.
                self._number += 1
            first = one
        self._keep(first)

    def end(self) -> Iterator[Record]:
        """The last line, which may have no end of its own."""
        if self._kept or self._too_long:
            yield self._line(b"")

    def _keep(self, part: bytes) -> None:
        self._kept += part
        if len(self._kept) > LONGEST:
            self._kept, self._too_long = b"", True

    def _line(self, last: bytes) -> Record:
        self._keep(last)
        raw = None if self._too_long else self._kept.removesuffix(b"\r")
        if self._number == 1 and raw is not None:
            raw = raw.removeprefix(_BOM)
        found = Record(self._number, raw)
        self._kept, self._too_long = b"", False
        self._number += 1
        return found


class JsonLines:
    """Each line that is not blank is a record."""

    def __init__(self) -> None:
        self._lines = _Lines(skips_empty=True)

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The records that end in this piece."""
        return filter(_has_content, self._lines.feed(piece))

    def end(self) -> Iterator[Record]:
        """What was begun."""
        return filter(_has_content, self._lines.end())


class CsvRows:
    """Rows as RFC 4180 has them: a line break between quotes is a part of its field."""

    def __init__(self) -> None:
        self._lines = _Lines(skips_empty=False)
        self._begun: list[bytes] = []
        self._first = 1
        self._size = 0
        self._is_quoted = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The rows that end in this piece."""
        for line in self._lines.feed(piece):
            yield from self._add(line)

    def end(self) -> Iterator[Record]:
        """What was begun. Raises `InvalidInput` where a quote is still open."""
        for line in self._lines.end():
            yield from self._add(line)
        if self._is_quoted:
            where = f"body[line {self._first}]"
            raise InvalidInput([FieldProblem(where, "begins a quoted field that never ends")])

    def _add(self, line: Record) -> Iterator[Record]:
        if not self._begun:
            self._first, self._size = line.number, 0
        if line.raw is None:
            # Nobody knows how many quotes were in it: what follows is taken for a new row.
            self._begun, self._is_quoted = [], False
            yield Record(self._first, None, line.number)
            return
        self._begun.append(line.raw)
        self._size += len(line.raw)
        self._is_quoted = _ends_quoted(line.raw, self._is_quoted)
        if self._is_quoted and self._size <= LONGEST:
            return
        row = b"\n".join(self._begun) if self._size <= LONGEST else None
        self._begun, self._is_quoted = [], False
        if row is None or row.strip():
            yield Record(self._first, row, line.number)


def _ends_quoted(line: bytes, is_quoted: bool) -> bool:
    """Whether a quoted field goes on behind this line; `is_quoted`: whether one came from before it.

    A quote opens a field at its beginning alone: `5" nail` is a text with a quote in it.
    """
    at = 0
    while True:
        if not is_quoted:
            quote = line.find(b'"', at)
            if quote < 0:
                return False
            is_quoted = quote == max(at, line.rfind(b",", at, quote) + 1)
            at = quote + 1 if is_quoted else line.find(b",", quote) + 1
        elif (at := line.find(b'"', at) + 1) == 0:
            return True
        elif line.startswith(b'"', at):
            at += 1  # two of them are one in the text
        else:
            is_quoted = False
            at = line.find(b",", at) + 1
        if at == 0:
            return False


_MARK = re.compile(rb'\\.?|["{}\[\],]', re.DOTALL)


class JsonArray:
    """Members of one array. What stands between two commas is a record, whatever it is."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._depth = 0
        self._is_text = False
        self._is_escaped = False
        self._too_long = False
        self._number = 1
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The members that end in this piece. Raises `InvalidInput` for what is no array."""
        if self._depth == 0 and not self._ended:
            piece = self._opened(piece)
        at = 0
        for mark in self._marks(piece):
            one = piece[mark : mark + 1]
            if one in b"{[":
                self._depth += 1
            elif one in b"}]":
                self._depth -= 1
            if self._depth == 0 or (self._depth == 1 and one == b","):
                self._keep(piece[at:mark])
                at = mark + 1
                yield from self._member(last=self._depth == 0)
            if self._depth == 0:
                self._ended = True
                break
        rest = piece[at:]
        if self._ended and rest.strip():
            raise _no_array(f"has more behind the array: {rest.strip()[:20]!r}")
        if not self._ended:
            self._keep(rest)

    def end(self) -> Iterator[Record]:
        """Raises `InvalidInput` for an array that does not end."""
        if not self._ended:
            raise _no_array(f"ends before the array does, in member {self._number}")
        return iter(())

    def _opened(self, piece: bytes) -> bytes:
        """The piece behind the opening bracket."""
        found = (bytes(self._kept) + piece).lstrip(_BOM + b" \t\r\n")
        self._kept.clear()
        if found and found[:1] != b"[":
            raise _no_array("must be a JSON array of jobs")
        self._depth = len(found[:1])
        return found[1:]

    def _marks(self, piece: bytes) -> Iterator[int]:
        """Where structure stands, outside of texts."""
        # What a backslash at the end of the piece before has escaped is none.
        begin, self._is_escaped = int(self._is_escaped), False
        for match in _MARK.finditer(piece, begin):
            one = match[0]
            if one[:1] == b"\\":
                self._is_escaped = len(one) == 1
            elif one == b'"':
                self._is_text = not self._is_text
            elif not self._is_text:
                yield match.start()

    def _keep(self, part: bytes) -> None:
        self._kept += part
        if len(self._kept) > LONGEST:
            self._kept.clear()
            self._too_long = True

    def _member(self, *, last: bool) -> Iterator[Record]:
        raw = bytes(self._kept).strip()
        if self._too_long:
            yield Record(self._number, None)
        elif raw or not last or self._number > 1:
            yield Record(self._number, raw)
        self._kept.clear()
        self._too_long = False
        self._number += 1


def _has_content(record: Record) -> bool:
    return record.raw is None or bool(record.raw.strip())


def _no_array(why: str) -> InvalidInput:
    return InvalidInput([FieldProblem("body", why)])
