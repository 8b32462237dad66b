"""Answers that a client need not be sent again when it has them already (RFC 9110 §13)."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api_gateway.job_answer import text_of


def answer(request: Request, document: Any) -> Response:
    """The document as JSON with a strong ETag of its bytes; 304 without a body to who has them."""
    body = text_of(document).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    # Not no-store: a cache may keep it, and must ask each time whether it still holds.
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if has_it(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def has_it(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` names the ETag, or is `*`."""
    lines = ",".join(request.headers.getlist("if-none-match"))
    known = {one.strip().removeprefix("W/") for one in lines.split(",")}
    return etag in known or "*" in known
