"""A raw-socket server on loopback whose every connection follows a script."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tests.upstream.pictures import jpeg

KEY = "SG_c0ffee0canary042"


@dataclass(frozen=True)
class Request:
    line: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Wire:
    """One accepted connection, from the server's side."""

    def __init__(self, sock: socket.socket, server: "Loopback") -> None:
        self.sock = sock
        self.server = server
        self._file = sock.makefile("rb")

    def request(self) -> Request | None:
        """Reads one whole request; None when the client has closed."""
        line = self._file.readline()
        if not line:
            return None
        headers = {}
        while (header := self._file.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._file.read(int(headers.get("content-length", 0)))
        request = Request(line.decode().strip(), headers, body)
        self.server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, every: float = 0.02) -> None:
        """A byte at a time, over and over, until the client or the test gives up."""
        while not self.server.stopped.is_set():
            for byte in data:
                self.send(bytes([byte]))
                if self.server.stopped.wait(every):
                    return

    def silence(self) -> None:
        self.server.stopped.wait()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self._file.close()
        self.sock.close()


Script = Callable[[Wire], None]


class Loopback:
    """Accepts from the constructor on; `stop` ends every connection and thread."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._wires: list[Wire] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for wire in self._wires:
            with suppress(OSError):
                socket.socket.shutdown(wire.sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        if self.tls is not None:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except OSError:
                sock.close()
                return
        wire = Wire(sock, self)
        self._wires.append(wire)
        with suppress(OSError):
            self.script(wire)
        wire.close()


@dataclass(frozen=True)
class Says:
    """A script: answers every request of a connection with the same words."""

    status: int = 200
    body: bytes = field(default_factory=jpeg)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "image/jpeg"})

    def __call__(self, wire: Wire) -> None:
        while wire.request() is not None:
            wire.send(answer(self.status, self.body, self.headers))


def answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
