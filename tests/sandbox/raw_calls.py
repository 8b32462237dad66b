"""Calls over a bare socket, where an HTTP client would hide what happens on the wire."""

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.sandbox.sandbox_process import CALL, KEY, SandboxProcess


def opened(sandbox: SandboxProcess) -> socket.socket:
    host, port = sandbox.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def head(length: int, more: str = "") -> bytes:
    return (
        f"POST /v1/ssd-canny HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n{more}"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def begun(sandbox: SandboxProcess, **changes: Any) -> socket.socket:
    """A connection on which CALL with `changes` was sent, as its only one."""
    body = json.dumps({**CALL, **changes}).encode()
    connection = opened(sandbox)
    connection.sendall(head(len(body), "Connection: close\r\n") + body)
    return connection


@dataclass
class Exchange:
    """What came back until the other side ended it, and how it did; seconds from the first byte."""

    data: bytes = b""
    ended: Literal["fin", "reset"] = "fin"
    pieces: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def length(self) -> int:
        """What Content-Length says."""
        found = [
            line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        assert len(found) == 1
        return int(found[0].partition(b":")[2])


def exchanged(sandbox: SandboxProcess, **changes: Any) -> Exchange:
    """CALL with `changes`, and all that comes back; fails after 10 s of silence."""
    found = Exchange()
    with begun(sandbox, **changes) as connection:
        while True:
            try:
                piece = connection.recv(65_536)
            except ConnectionResetError:
                found.ended = "reset"
                return found
            if not piece:
                return found
            found.data += piece
            found.pieces.append((time.monotonic(), piece))
