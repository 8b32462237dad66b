"""The Idempotency-Key header, and what makes two requests the same.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import re

from fastapi import Request

from api_gateway import bodies
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

HEADER = "Idempotency-Key"
LONGEST_KEY = 255

_PRINTABLE = re.compile(r"[ -~]+", re.ASCII)
# RFC 8941's string: only a quote and a backslash are escaped, and nothing follows it here.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
_ESCAPED = re.compile(r"\\(.)")


def key_of(request: Request) -> str | None:
    """The request's key; None when it has none. Raises `InvalidInput` that names the header.

    The draft writes a key as a string in double quotes; most clients send it bare. Both are taken,
    and `"abc"` is the same key as `abc`.
    """
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1:
        raise _refused(f"must stand once, not {len(given)} times", given[0])
    key = given[0]
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        if quoted is None:
            raise _refused("starts with a double quote, so it must be one string in quotes", key)
        key = _ESCAPED.sub(r"\1", quoted[1])
    if len(key) > LONGEST_KEY or not _PRINTABLE.fullmatch(key):
        raise _refused(f"must be 1 to {LONGEST_KEY} printable ASCII characters", given[0])
    return key


def fingerprint(request: Request, body: bytes) -> str:
    """SHA-256 of what the request asks for: method, path, query, media type and body."""
    found = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.scope["path"].encode(),
        request.scope["query_string"],
        bodies.media_type(request).encode(),
        body,
    ):
        # With its length, so that nothing can move from one part into the next.
        found.update(len(part).to_bytes(8))
        found.update(part)
    return found.hexdigest()


def _refused(message: str, got: str) -> InvalidInput:
    return InvalidInput([FieldProblem(HEADER, message, shown(got))])
