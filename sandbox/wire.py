"""One connection below HTTP: bytes as they are, silence, an orderly end or a TCP reset.

An ASGI server does not let its application break the protocol, which is all a fault is about; so
the protocol puts itself into each request's scope, and a fault writes to its transport.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION = "sandbox"


class WireEndedError(Exception):
    """The connection is gone: the client left, or the sandbox stops."""


class ReachableProtocol(HttpToolsProtocol):
    """The server's protocol, within reach of the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as its parent does
        """Begin; ``gone`` is set once the connection is."""
        self.gone = asyncio.Event()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self.gone.set()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"protocol": self}}


class Wires:
    """The connections that faults hold, so that a stop need not wait for their clients."""

    def __init__(self) -> None:
        self.stopping = False
        self.held: set[ReachableProtocol] = set()

    def stop(self) -> None:
        """Drop them all, and those that would come to be held."""
        self.stopping = True
        for protocol in self.held:
            protocol.transport.abort()


class Wire:
    """A request's connection, for one fault; ``async with`` holds it, and ends with it gone.

    ``begun`` is told before anything is written.
    """

    def __init__(self, scope: Scope, wires: Wires, begun: Callable[[], None]) -> None:
        self._protocol: ReachableProtocol = scope["extensions"][_EXTENSION]["protocol"]
        self._wires = wires
        self._begun = begun

    async def __aenter__(self) -> Self:
        self._wires.held.add(self._protocol)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._protocol.transport.close()
            # The server takes an unanswered request for a mistake while its connection lives.
            await self._protocol.gone.wait()
        finally:
            self._wires.held.discard(self._protocol)

    async def write(self, data: bytes) -> None:
        """Hand ``data`` over to the kernel, as fast as the client takes it."""
        self._check()
        if data:
            self._begun()
            self._protocol.transport.write(data)
        await self._protocol.flow.drain()
        # A client that takes everything as it comes must not keep the loop from the other calls.
        await asyncio.sleep(0)
        self._check()

    async def wait(self, seconds: float | None) -> None:
        """Do nothing for ``seconds``, None = until the connection is gone."""
        self._check()
        try:
            await asyncio.wait_for(self._protocol.gone.wait(), seconds)
        except TimeoutError:
            return
        raise WireEndedError

    def reset(self) -> None:
        """End with a reset instead of an orderly close."""
        held = self._protocol.transport.get_extra_info("socket")
        # On, for no seconds: the kernel then drops the connection with RST.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._protocol.transport.abort()

    def _check(self) -> None:
        if self._wires.stopping or self._protocol.transport.is_closing():
            raise WireEndedError
