"""Splits a multipart body (RFC 2046). The standard library's e-mail parser is made for text."""

import base64
import binascii
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

MOST_PARTS = 64
"""Sixteen for each image that a call can ask for: a body of empty parts would take minutes."""
_LONGEST_HEAD = 16_384
_FIRST_LINE = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})[ \t]*\r?\n")


@dataclass(frozen=True)
class Part:
    """One part. `content_type` is lower case without parameters, empty where none is given."""

    content_type: str
    data: bytes


def boundary_in(body: bytes, content_type: str) -> str | None:
    """The boundary that stands in the body: the one that the Content-Type names, or its first line.

    1 to 70 characters of ASCII (RFC 2046 §5.1.1).
    """
    message = Message()
    message["Content-Type"] = content_type
    named = message.get_boundary()
    if named and named.isascii() and len(named) <= 70 and _first(body, _delimiter(named)) >= 0:
        return named
    line = _FIRST_LINE.match(body)
    return line[1].decode("ascii") if line else None


def split(body: bytes, boundary: str) -> list[Part] | None:
    """The parts in order, or None when the closing delimiter is missing: something was cut off.

    Reads no further than one part beyond `MOST_PARTS`.
    """
    delimiter = _delimiter(boundary)
    at = _first(body, delimiter) + len(delimiter)
    # Some servers end lines with a bare line feed; the first delimiter shows which kind this is.
    end_of_line = b"\n" if body.startswith(b"\n", at) else b"\r\n"
    parts: list[Part] = []
    while len(parts) <= MOST_PARTS and not body.startswith(b"--", at):
        end = body.find(end_of_line + delimiter, at)
        if end < 0:
            return None
        parts.append(_part(body, at, end, end_of_line))
        at = end + len(end_of_line) + len(delimiter)
    return parts


def _delimiter(boundary: str) -> bytes:
    return b"--" + boundary.encode("ascii")


def _first(body: bytes, delimiter: bytes) -> int:
    """Where the first delimiter stands at the start of a line, or -1."""
    if body.startswith(delimiter):
        return 0
    before = body.find(b"\n" + delimiter)
    return before + 1 if before >= 0 else -1


def _part(body: bytes, start: int, end: int, end_of_line: bytes) -> Part:
    # Found and cut out in place: the body may be large, and every copy of it counts.
    blank = body.find(end_of_line * 2, start, min(end, start + _LONGEST_HEAD))
    if blank < 0:
        return Part(content_type="", data=b"")
    headers = BytesHeaderParser().parsebytes(body[start:blank].lstrip())
    content_type = headers.get_content_type() if "Content-Type" in headers else ""
    data = body[blank + 2 * len(end_of_line) : end]
    if str(headers.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        try:
            data = base64.b64decode(data)
        except binascii.Error:
            data = b""
    return Part(content_type=content_type, data=data)
