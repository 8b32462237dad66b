"""A TCP proxy in front of a server, which can do what networks do: refuse, drop, stall, delay, cut."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

Watcher = Callable[[bytes], bool]
"""Sees what a client sends, in order; true once it has sent what is waited for."""


class Does(StrEnum):
    """What comes of a connection that is opened, or used, now."""

    PASS = "pass"
    REFUSE = "refuse"
    """New connections are refused; those that stand live on."""
    SILENT = "silent"
    """A black hole: connections stand and can be opened, and nothing comes through either way."""


class Proxy:
    """In front of 127.0.0.1:`to`. Its methods may be called from any thread."""

    def __init__(self, to: int, port: int | None) -> None:
        self._to = to
        self._listener: socket.socket | None = _listening(port or 0)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._passes = asyncio.Event()
        self._delay = 0.0
        self._watched: Callable[[], Watcher] | None = None
        self._clients: dict[asyncio.Task[None], socket.socket] = {}
        self._links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._cuts = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    def start(self) -> None:
        self._thread.start()
        self._passes_now(True)
        self._do(self._listen())

    def stop(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def passes(self) -> None:
        """All goes through again."""
        self._do(self._become(Does.PASS))

    def refuses(self) -> None:
        """The server is gone: what stands breaks off, and who connects is refused."""
        self._do(self._become(Does.REFUSE))
        self.drops()

    def stalls(self) -> None:
        """The host is gone: who is connected hears nothing more, and so does who connects."""
        self._do(self._become(Does.SILENT))

    def drops(self) -> None:
        """Every connection that stands now breaks off; new ones go through."""
        self._do(self._drop())

    def delays(self, seconds: float) -> None:
        """Each piece takes so much longer, either way."""
        self._delay = seconds

    def cuts_after(self, watched: Callable[[], Watcher]) -> None:
        """The next connection whose watcher says so breaks off once, before the reply comes back.

        What the client sent reaches the server, and is answered there: the client cannot know.
        Only connections that are opened from now on are watched, each by a watcher of its own; so
        all that stand are dropped first.
        """
        self._watched = watched
        self.drops()

    def wait_for_cut(self, seconds: float) -> bool:
        """Whether a cut came within so many seconds."""
        return self._cuts.acquire(timeout=seconds)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _passes_now(self, does: bool) -> None:
        change = self._passes.set if does else self._passes.clear
        self._loop.call_soon_threadsafe(change)

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = _listening(self.port)
        # Not asyncio's server: ended while it accepts, it leaves sockets open.
        self._loop.add_reader(self._listener, self._accept, self._listener)

    def _listens_no_more(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:  # it has gone again
            return
        client.setblocking(False)
        task = self._loop.create_task(self._connected(client))
        self._clients[task] = client
        task.add_done_callback(self._clients.pop)

    async def _become(self, does: Does) -> None:
        if does is Does.REFUSE:
            self._listens_no_more()
        else:
            await self._listen()
        if does is Does.SILENT:
            self._passes.clear()
        else:
            self._passes.set()

    async def _drop(self) -> None:
        for link in list(self._links):
            _break(link)

    async def _close(self) -> None:
        self._listens_no_more()
        clients = dict(self._clients)
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._drop()
        for client in clients.values():  # a task that was cancelled before it began closed nothing
            client.close()

    async def _connected(self, line: socket.socket) -> None:
        client, out = await asyncio.open_connection(sock=line)
        try:
            await self._passes.wait()
            server, to_server = await asyncio.open_connection("127.0.0.1", self._to)
        except (OSError, asyncio.CancelledError):
            out.transport.abort()
            return
        link = (out, to_server)
        self._links.add(link)
        watcher = self._watched() if self._watched else None
        cut = asyncio.Event()
        try:
            await asyncio.gather(
                self._to_server(client, to_server, watcher, cut),
                self._to_client(server, out, link, cut),
            )
        except asyncio.CancelledError:
            _break(link)
        finally:
            self._links.discard(link)

    async def _to_server(
        self,
        client: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        watcher: Watcher | None,
        cut: asyncio.Event,
    ) -> None:
        with suppress(OSError):
            while piece := await client.read(65536):
                await self._slowly()
                if watcher is not None and self._watched is not None and watcher(piece):
                    self._watched = None
                    cut.set()  # before it is sent: the reply must not be quicker
                server.write(piece)
                await server.drain()
        server.close()

    async def _to_client(
        self,
        server: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        link: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        cut: asyncio.Event,
    ) -> None:
        with suppress(OSError):
            while piece := await server.read(65536):
                await self._slowly()
                if cut.is_set():
                    _break(link)
                    self._cuts.release()
                    return
                client.write(piece)
                await client.drain()
        client.close()

    async def _slowly(self) -> None:
        if self._delay:
            await asyncio.sleep(self._delay)
        await self._passes.wait()


def bytes_seen(wanted: bytes) -> Callable[[], Watcher]:
    """Waits for a client that sends these bytes."""

    def watcher() -> Watcher:
        seen = b""

        def watch(piece: bytes) -> bool:
            nonlocal seen
            seen = (seen + piece)[-len(wanted) - len(piece) :]
            return wanted in seen

        return watch

    return watcher


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(200)
    listener.setblocking(False)
    return listener


def _break(link: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
    for end in link:
        line = end.get_extra_info("socket")
        if line is not None and line.fileno() >= 0:
            # On, for no seconds: the kernel then ends it with a reset.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.transport.abort()


@contextmanager
def proxied(to: int, port: int | None = None) -> Iterator[Proxy]:
    """A proxy on 127.0.0.1:`port`, or on a free one, until it is left."""
    proxy = Proxy(to, port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
