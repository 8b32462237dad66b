"""Which part of an image is asked for (RFC 9110 §14)."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from api_gateway import problems
from api_gateway.problems import Problem

# One range; commas beside it are empty elements of the list, which RFC 9110 §5.6.1 has us ignore.
_ONE = re.compile(
    r"bytes=[ \t,]*(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))[ \t,]*", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True)
class Part:
    """`length` (≥ 1) bytes from `first` on, of `size`."""

    first: int
    length: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.first + self.length - 1}/{self.size}"


def asked_part(request: Request, etag: str, size: int) -> Part | None:
    """The part that a GET asks for; None for the whole.

    The whole is what HEAD is about, what another version's `If-Range` gets, and, as RFC 9110 §14.2
    has it or allows, what an unknown unit, nonsense and several ranges at once get: an image is too
    small to be fetched in a puzzle. Raises a 416 for a range that lies outside.
    """
    found = _ONE.fullmatch(request.headers.get("range", ""))
    if request.method != "GET" or found is None:
        return None
    if request.headers.get("if-range", etag) != etag:
        return None
    first, last, suffix = found.groups()
    start, end = (int(first), size) if suffix is None else (size - min(int(suffix), size), size)
    if last is not None:
        if int(last) < start:
            return None
        end = min(int(last) + 1, size)
    if start >= end:
        raise Problem(
            problems.WRONG_RANGE,
            f"the image has {size} bytes, counted from 0",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return Part(start, end - start, size)
