"""The key check: ``x-api-key`` and nothing else. A bearer token is refused (sources disagree)."""

import re
from collections.abc import Collection

from starlette.datastructures import Headers

from sandbox.refusals import RefusedError

_SHAPE = re.compile(r"SG_[0-9a-fA-F]{16}")


def is_well_formed(key: str) -> bool:
    """Whether ``key`` is ``SG_`` and 16 hex digits."""
    return _SHAPE.fullmatch(key) is not None


def key_of(headers: Headers, known: Collection[str]) -> str:
    """The request's key, one of ``known``.

    Raises RefusedError 401, with the auth surface's extra members, for anything else.
    """
    sent = headers.getlist("x-api-key")
    if not sent:
        problem = "No x-api-key header; a bearer token is not accepted"
    elif len(sent) > 1:
        problem = "More than one x-api-key header"
    elif not is_well_formed(sent[0]):
        problem = "The API key is malformed"
    elif sent[0] not in known:
        problem = "The API key is unknown"
    else:
        return sent[0]
    raise RefusedError(401, "Unauthorized", members={"error_description": problem})
