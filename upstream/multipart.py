"""Splits a multipart body (RFC 2046). The standard library's e-mail parser is made for text."""

import base64
import binascii
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser


@dataclass(frozen=True)
class Part:
    """One part. `content_type` is lower case without parameters, empty where none is given."""

    content_type: str
    data: bytes


def boundary_of(content_type: str) -> str | None:
    """The boundary that a Content-Type names, 1 to 70 characters (RFC 2046 §5.1.1)."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    return boundary if boundary and boundary.isascii() and len(boundary) <= 70 else None


def split(body: bytes, boundary: str) -> list[Part] | None:
    """The parts in order, or None when the closing delimiter is missing: something was cut off."""
    delimiter = b"--" + boundary.encode("ascii")
    # Some servers end lines with a bare line feed; the first delimiter shows which kind this is.
    start = body.find(delimiter)
    after = body[start + len(delimiter) :][:1] if start >= 0 else b""
    end_of_line = b"\n" if after == b"\n" else b"\r\n"
    pieces = (end_of_line + body).split(end_of_line + delimiter)
    parts: list[Part] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return parts
        head, _, data = piece.partition(end_of_line * 2)
        parts.append(_part(head.lstrip(), data))
    return None


def _part(head: bytes, data: bytes) -> Part:
    headers = BytesHeaderParser().parsebytes(head)
    content_type = headers.get_content_type() if "Content-Type" in headers else ""
    if str(headers.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        try:
            data = base64.b64decode(data)
        except binascii.Error:
            data = b""
    return Part(content_type=content_type, data=data)
