"""How the supervisor sees that a child is ready. Each check is quick and never raises."""

import http.client
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# A loopback answer that takes longer is asked for again at the next turn.
_PATIENCE = 1.0


class Readiness(Protocol):
    """Anything that can say whether a process is ready."""

    def __call__(self) -> bool: ...


@dataclass(frozen=True)
class Alive:
    """Ready as soon as it runs."""

    def __call__(self) -> bool:
        return True


@dataclass(frozen=True)
class FileAppeared:
    """The process touches this file when it is ready (SEGQ_READY_FILE)."""

    path: Path

    def __call__(self) -> bool:
        return self.path.exists()


@dataclass(frozen=True)
class PortAccepts:
    """Something accepts connections on 127.0.0.1."""

    port: int

    def __call__(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE):
                return True
        except OSError:
            return False


@dataclass(frozen=True)
class HttpOk:
    """GET on 127.0.0.1 answers 200."""

    port: int
    path: str

    def __call__(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True)
class RedisAnswers:
    """AUTH and PING go through; while the server still loads its file, PING answers -LOADING."""

    port: int
    password: str = field(repr=False)

    def __call__(self) -> bool:
        wanted = b"+OK\r\n+PONG\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE) as line:
                line.settimeout(_PATIENCE)
                line.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while len(answer) < len(wanted):
                    piece = line.recv(256)
                    if not piece:
                        return False
                    answer += piece
                return answer == wanted
        except OSError:
            return False
