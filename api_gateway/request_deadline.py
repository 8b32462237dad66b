"""Closes connections whose request does not arrive whole in time.

The server has no such bound: it waits for ever for the rest of a request's head, and for the rest
of a body that was refused, which it reads and throws away. A body that is wanted is cut off
earlier, with an answer, by `bodies.read`.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_SECONDS = 2.0
"""Longer than the body's own bound, so that whoever hits that one gets to see its answer."""


def protocol(seconds: float) -> type[HttpToolsProtocol]:
    """The server's protocol, with this bound on a request from its first byte to its last.

    A connection that is made and says nothing gets as long.
    """

    class TimedProtocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._begin()
            super().on_message_begin()

        def on_message_complete(self) -> None:
            self._end()
            super().on_message_complete()

        def _begin(self) -> None:
            self._end()
            self._deadline = self.loop.call_later(seconds + GRACE_SECONDS, self._over)

        def _end(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _over(self) -> None:
            if self.flow.read_paused:
                # It is us who do not read: an answer is under way, or the database is slow.
                self._begin()
            else:
                self.transport.close()

    return TimedProtocol
