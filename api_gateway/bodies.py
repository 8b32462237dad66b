"""Reads a request's body, never more of it than is allowed."""

from fastapi import Request

from api_gateway import problems
from api_gateway.problems import Problem


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case; empty when there is none.

    Raises a 415 problem for a body that is compressed: it could unpack to any size.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Problem(problems.WRONG_TYPE, f"send the body as it is, without {encoding[:20]}")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read(request: Request, limit: int) -> bytes:
    """The whole body; raises a 413 problem before more than `limit` bytes are held.

    What a refused client still sends is read and thrown away by the server, so that the client
    gets to see the answer.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(limit: int) -> Problem:
    return Problem(problems.TOO_LARGE, f"the body may have at most {limit:,} bytes")
