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
    """`status` None: the connection is closed without one. `raw`: a body that is no JSON."""

    status: int | None
    body: Mapping[str, Any] = field(default_factory=dict)
    retry_after: str | None = None
    etag: str | None = None
    raw: bytes | None = None


@dataclass(frozen=True)
class Asked:
    line: str
    key: str | None
    body: bytes
    known: str | None = None
    """If-None-Match."""


@contextmanager
def scripted(*answers: Answer) -> Iterator[tuple[str, list[Asked]]]:
    """Its URL and what was asked; the last answer is given to all that come after it."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            key, known = (self.headers[one] for one in ("Idempotency-Key", "If-None-Match"))
            asked.append(Asked(self.requestline, key, body, known))
            now = left.pop(0) if len(left) > 1 else left[0]
            self.close_connection = True
            _send(self, now)

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


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    if answer.status is None:
        return
    text = json.dumps(answer.body).encode() if answer.raw is None else answer.raw
    handler.send_response(answer.status)
    headers = {
        "Content-Length": None if answer.status == 304 else str(len(text)),
        "Retry-After": answer.retry_after,
        "ETag": answer.etag,
    }
    for name, value in headers.items():
        if value is not None:
            handler.send_header(name, value)
    handler.end_headers()
    if answer.status != 304:
        handler.wfile.write(text)
