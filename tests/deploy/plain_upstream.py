"""A small server in the gateway's place, for what nginx does with an answer that goes on."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PROBLEM = b'{"type": "/problems/unavailable", "status": 503}'


class PlainUpstream(ThreadingHTTPServer):
    """`/events` sends one event, and a second once `go_on` is set; `/headers` what it was sent;
    `/away` a 503.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.go_on = threading.Event()
        self.connections = 0
        self.gave_up = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PlainUpstream

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        match self.path:
            case "/events":
                self._events()
            case "/away":
                self._answer(503, PROBLEM)
            case _:
                self._answer(200, json.dumps(dict(self.headers)).encode())

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/problem+json")
        self.end_headers()
        self.wfile.write(body)

    def _events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.server.gave_up |= not self.server.go_on.wait(5)
        self.wfile.write(b"0\r\n\r\n")


@contextmanager
def running_upstream() -> Iterator[PlainUpstream]:
    with PlainUpstream() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.go_on.set()
        server.shutdown()
