"""A server on loopback that answers one thing after another, and what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """`status` None: the connection is closed without one."""

    status: int | None
    body: Mapping[str, Any] = field(default_factory=dict)
    retry_after: str | None = None


@dataclass(frozen=True)
class Asked:
    line: str
    key: str | None
    body: bytes


@contextmanager
def scripted(*answers: Answer) -> Iterator[tuple[str, list[Asked]]]:
    """Its URL and what was asked; the last answer is given to all that come after it."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(Asked(self.requestline, self.headers["Idempotency-Key"], body))
            now = left.pop(0) if len(left) > 1 else left[0]
            self.close_connection = True
            if now.status is None:
                return
            text = json.dumps(now.body).encode()
            self.send_response(now.status)
            self.send_header("Content-Length", str(len(text)))
            if now.retry_after is not None:
                self.send_header("Retry-After", now.retry_after)
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PATCH(self) -> None:
            self.answer()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
