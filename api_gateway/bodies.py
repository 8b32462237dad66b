"""Reads a request's body: never more of it than is allowed, nor for longer, nor too many at once."""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway import problems
from api_gateway.problems import Problem

MEMORY = 256_000_000
"""Bytes of bodies that are held at once, over all requests; one sender may hold half of them."""
UNCOUNTED = 64 * 1024
"""Bytes of each body that the bound above does not count: a job without an image always gets in."""

_STATE = "segq.body"


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

    Raises a 408 problem for one that takes too long as a whole, however lively it trickles, and a
    503 problem while other requests hold all the memory that there is for bodies, or the sender's
    own hold as much as one may. What a refused
    client still sends is read and thrown away by the server, so that the client gets to see the
    answer.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    held: _Held = request.scope[_STATE]
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(held.bounds.seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                held.hold(size)
                pieces.append(piece)
    except TimeoutError:
        raise Problem(
            problems.BODY_TIMEOUT,
            f"the whole body must arrive within {held.bounds.seconds:g} s; "
            f"{size:,} bytes of it did",
            # The rest of it would else hold the connection for as long as the client likes.
            headers={"Connection": "close"},
        ) from None
    return b"".join(pieces)


def _too_large(limit: int) -> Problem:
    return Problem(problems.TOO_LARGE, f"the body may have at most {limit:,} bytes")


class BoundedBodies:
    """The bounds that all requests share, around the application.

    What a request holds counts until it is answered, since its body is worked on until then. One
    sender, who is known by the API key, holds at most half: nobody shuts out everybody else.
    """

    def __init__(self, app: ASGIApp, seconds: float, memory: int = MEMORY) -> None:
        """`seconds` is for a whole body, `memory` in bytes for all of them together."""
        self._app = app
        self.seconds = seconds
        self.memory = memory
        self.held = 0
        self.held_by: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held = scope[_STATE] = _Held(self, scope)
        try:
            await self._app(scope, receive, send)
        finally:
            held.hold(0)


@dataclass
class _Held:
    bounds: BoundedBodies
    scope: Scope
    counted: int = 0

    @cached_property
    def sender(self) -> bytes:
        # Without the scheme, which may be spelt in many ways.
        key = Headers(scope=self.scope).get("authorization", "").partition(" ")[2].strip()
        return hashlib.sha256(key.encode()).digest()

    def hold(self, size: int) -> None:
        """From now on this request holds so many bytes."""
        more = max(0, size - UNCOUNTED) - self.counted
        if not more:
            return
        bounds = self.bounds
        if bounds.held + more > bounds.memory:
            raise _full("Other requests hold all the memory that there is for bodies.")
        if bounds.held_by[self.sender] + more > bounds.memory // 2:
            raise _full("Other requests of this API key hold all the memory that one may.")
        bounds.held += more
        bounds.held_by[self.sender] += more
        if not bounds.held_by[self.sender]:
            del bounds.held_by[self.sender]
        self.counted += more


def _full(detail: str) -> Problem:
    words = f"{detail} Nothing was done."
    return Problem(problems.UNAVAILABLE, words, headers={"Retry-After": "2"})
