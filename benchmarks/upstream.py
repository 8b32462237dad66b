"""A stand-in for Segmind that costs next to nothing: `python -m benchmarks.upstream PORT SECONDS`.

It answers `POST /v1/<model>` with one and the same JPEG of about 100 KB after SECONDS and notes
when each call came. A v2 request, whatever its id, runs for ever; questions for it are counted.
Nothing is checked and nothing refused: that is the sandbox's business, whose checks would be what a
benchmark measures. One process, a protocol on uvloop, no framework.
"""

import asyncio
import json
import re
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

from benchmarks.picture import picture

_SEED = re.compile(rb'"seed":\s*(-?\d+)')
_STATUS = re.compile(r"/v2/requests/([^/]+)/status")
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)


class Calls:
    """When each call came, by the wall clock in seconds, with the seed that it sent."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.image = picture()
        self.came: list[tuple[float, int]] = []
        self.asked = 0
        self._made = 0

    def head(self, seed: int) -> bytes:
        # An id twice would be a call twice: segq holds `(account, request id)` unique.
        self._made += 1
        return (
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(self.image)}\r\n"
            "x-remaining-credits: 100000.0\r\nx-cost: 0.006\r\n"
            f"x-request-id: bench-{self._made}\r\nx-generation-time: {self.seconds:.3f}\r\n"
            f"x-seed-value: {seed}\r\n\r\n"
        ).encode()

    def told(self) -> dict[str, object]:
        times = [at for at, _ in self.came]
        first, last = min(times, default=0), max(times, default=0)
        return {"calls": len(times), "first": first, "last": last, "asked": self.asked}


class Connection(asyncio.Protocol):
    """Requests with a Content-Length or without a body, one after the other."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own class, which is no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._read) < whole:
                return
            body, self._read = self._read[end + 4 : whole], self._read[whole:]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            self._answer(method, urlsplit(target).path, body)

    def _answer(self, method: str, path: str, body: bytes) -> None:
        if method == "POST" and path.startswith("/v1/"):
            found = _SEED.search(body)
            seed = int(found[1]) if found else -1
            self._calls.came.append((time.time(), seed))
            if self._calls.seconds:
                asyncio.get_running_loop().call_later(self._calls.seconds, self._send, seed)
            else:
                self._send(seed)
        elif method == "GET" and (status := _STATUS.fullmatch(path)):
            self._calls.asked += 1
            self._tell(_runs(status[1]))
        elif path == "/v1/get-user-credits":
            self._tell({"credits": 100000.0, "free-credits": 0.0})
        elif (method, path) == ("GET", "/stats"):
            self._tell(self._calls.told())
        elif (method, path) == ("GET", "/calls"):
            self._tell(self._calls.came)
        elif (method, path) == ("POST", "/reset"):
            self._calls.came.clear()
            self._calls.asked = 0
            self._tell({})
        else:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def _send(self, seed: int) -> None:
        if not self._transport.is_closing():
            self._transport.writelines((self._calls.head(seed), self._calls.image))

    def _tell(self, document: object) -> None:
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self._transport.write(head.encode() + b"\r\n\r\n" + body)


def _runs(request_id: str) -> dict[str, object]:
    """As Segmind says it of a request that is not done (segmind-api §2)."""
    later = ("cost", "remaining_credits", "inference_time", "total_time")
    metrics = {**dict.fromkeys(later), "queue_time": 0.1}
    return {"status": "PROCESSING", "request_id": request_id, "metrics": metrics}


async def _serve(port: int, seconds: float) -> None:
    calls = Calls(seconds)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(calls), "127.0.0.1", port, backlog=2_048
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
