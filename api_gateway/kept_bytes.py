"""Bytes out of the artifact store, as they come: a download holds a piece of it in memory."""

from typing import Any

import anyio
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from db.artifacts import ArtifactStore, Pieces

log = structlog.get_logger()


class KeptBytes(Response):
    """`length` bytes of an object, read while they are sent."""

    def __init__(
        self,
        pieces: Pieces,
        begun: bytes,
        length: int,
        threads: anyio.CapacityLimiter,
        **response: Any,
    ) -> None:
        """`begun` is the first piece; `response` what every response has."""
        super().__init__(**response)
        self.headers["Content-Length"] = str(length)
        self._pieces = pieces
        self._begun = begun
        self._length = length
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's
        piece, left = self._begun, self._length
        start = {"type": "http.response.start", "status": self.status_code}
        try:
            await send({**start, "headers": self.raw_headers})
            while piece:
                left -= len(piece)
                body = {"type": "http.response.body", "body": piece, "more_body": left > 0}
                await send(body)
                if left <= 0:
                    return
                piece = await anyio.to_thread.run_sync(
                    next, self._pieces, b"", limiter=self._threads
                )
            # Shorter than its row says. The caller sees it: the server closes the connection.
            log.error("output_cut_short", path=scope["path"], missing_bytes=left)
        finally:
            self._pieces.close()


async def kept_bytes(
    store: ArtifactStore,
    key: str,
    first: int,
    length: int,
    threads: anyio.CapacityLimiter,
    **response: Any,
) -> KeptBytes:
    """The response, once its first piece is there: so what is gone or away gets another answer.

    Raises `FileNotFoundError` and `ArtifactsAway`.
    """

    def begin() -> tuple[Pieces, bytes]:
        pieces = store.read(key, first, length)
        return pieces, next(pieces, b"")

    pieces, begun = await anyio.to_thread.run_sync(begin, limiter=threads)
    return KeptBytes(pieces, begun, length, threads, **response)
