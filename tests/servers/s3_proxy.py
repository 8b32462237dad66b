"""In front of an S3 server: answers ranges as Amazon does, and fails as a test wants it."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.servers.s3 import S3Server

_LISTS_NOTHING = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


class S3Proxy:
    """What it does, and what it was asked: (method, path, Range) of each request.

    `failures` next requests are answered with 503, `late` next looks as if nothing were there; `cut` ends a body after so many bytes; while
    `hang` is set, nothing is answered.
    """

    def __init__(self, server: S3Server) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.failures = 0
        self.late = 0
        self.cut: int | None = None
        self.hang = threading.Event()
        self.ended = threading.Event()
        self.server = server

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.command, request.path, request.headers["Range"]))
        body = request.rfile.read(int(request.headers["Content-Length"] or 0))
        if self.hang.is_set():
            self.ended.wait(60)
            request.close_connection = True
        elif self.failures > 0:
            self.failures -= 1
            _send(request, 503, {}, b"")
        elif self.late > 0 and (request.command == "HEAD" or "list-type" in request.path):
            self.late -= 1
            if request.command == "HEAD":
                _send(request, 404, {}, b"")
            else:
                _send(request, 200, {}, _LISTS_NOTHING)
        else:
            self._pass_on(request, body)

    def _pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        address = urlsplit(self.server.url)
        line = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        line.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers.items():  # the Host too: it is signed
            line.putheader(name, value)
        line.endheaders(body)
        answer = line.getresponse()
        found, headers = answer.read(), dict(answer.getheaders())
        line.close()
        # rclone answers a range with 200, which no client takes for one.
        status = 206 if answer.status == 200 and "Content-Range" in headers else answer.status
        if self.cut is None:
            _send(request, status, headers, found)
        else:
            _send(request, status, headers, found[: self.cut])
            request.close_connection = True


def _send(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
) -> None:
    request.send_response_only(status)
    length = headers.pop("Content-Length", str(len(body)))
    for name, value in headers.items():
        if name not in {"Transfer-Encoding", "Connection"}:
            request.send_header(name, value)
    request.send_header("Content-Length", length)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


@contextmanager
def s3_behind_proxy(server: S3Server) -> Iterator[tuple[S3Server, S3Proxy]]:
    """The server under the proxy's address, and the proxy."""
    proxy = S3Proxy(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return lambda: proxy.answer(self)
            raise AttributeError(name)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the interface's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server._replace(url=f"http://127.0.0.1:{listener.server_port}"), proxy
        finally:
            proxy.ended.set()
            listener.shutdown()
            thread.join()
