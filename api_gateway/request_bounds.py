"""The server's protocol, bounded in time and in the size of a request's head.

The server has no such bounds: it waits for ever for the rest of a request's head, or of a body that
was refused, which it reads and throws away; and it gathers a head of any size, ever more slowly. A
body that is wanted is cut off earlier, with an answer, by `bodies.read`.
"""

import asyncio

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api_gateway import problems
from api_gateway.problems import Problem

log = structlog.get_logger()

GRACE_SECONDS = 2.0
"""Longer than the body's own bound, so that whoever hits that one gets to see its answer."""
LARGEST_HEAD = 64 * 1024
"""Bytes of the request line and the headers; of what stands between a body's parts, too."""
LIVELY = "segq.lively"
"""Set in the scope of a request that may take longer, as long as its body goes on coming."""
LIVELY_BYTES = 64 * 1024
"""So much must come in the time that other requests have as a whole: a trickle is cut off."""
MOST_HEADERS = 200
"""Each lookup of a header goes through all of them; browsers and proxies send about thirty."""


class BoundedProtocol(HttpToolsProtocol):
    """A request gets `seconds` from its first byte to its last.

    A connection that is made and says nothing gets as long. A head that is too large is answered
    with a 431 problem, and the connection closed. An upgrade is ignored, as RFC 9110 §7.8 lets a
    server do that offers none: the request is served as it is, with its body.
    """

    seconds: float
    _deadline: asyncio.TimerHandle | None = None
    _head_is_whole = False
    _asks_for_upgrade = False
    _too_many_headers = False
    _gathered = 0
    """Bytes that came since the parser last had something to give away."""
    _came = 0
    """Bytes of the body since the deadline was last put off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        at = 0
        while at < len(data) and not self.transport.is_closing():
            # Never more than a head may have: the parser would gather all of it first.
            piece = data[at : at + LARGEST_HEAD - self._gathered]
            at += len(piece)
            self._gathered += len(piece)
            self._feed(piece)
            if self._gathered >= LARGEST_HEAD and not self.transport.is_closing():
                self._refuse_head(f"it may have at most {LARGEST_HEAD:,} bytes")

    def _feed(self, piece: bytes) -> None:
        while piece:
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                if not self._asks_for_upgrade:
                    return  # a tunnel: nothing that follows is for us
                piece = self._head_without_upgrade() + piece[upgrade.args[0] :]
            except httptools.HttpParserError:
                if self._too_many_headers:
                    self._refuse_head(f"it may have at most {MOST_HEADERS} headers")
                else:
                    log.warning("request_not_http")
                    self.send_400_response("Invalid HTTP request received.")
                return
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        """The head that was read, for a new parser: the old one has thrown away how the body is
        framed, and takes what follows for another protocol.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version.encode())]
        lines += [b"%b: %b" % one for one in self.headers if one[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        # As the server sets it: what comes behind a last request is dropped, not an error.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def on_message_begin(self) -> None:
        self._head_is_whole = self._asks_for_upgrade = False
        self._begin()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_is_whole:
            return  # a trailer: it must not pass for a header (RFC 9110 §6.5.1)
        if len(self.headers) >= MOST_HEADERS:
            self._too_many_headers = True
            raise ValueError("too many headers")  # the only way to stop the parser
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_is_whole = True
        self._gathered = 0
        self._asks_for_upgrade = (
            self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        )
        if not self._asks_for_upgrade:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._gathered = 0
        self._came += len(body)
        if self._came >= LIVELY_BYTES and LIVELY in self.scope:
            self._begin()
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._asks_for_upgrade:
            return
        self._gathered = 0
        self._end()
        super().on_message_complete()

    def _refuse_head(self, detail: str) -> None:
        # While another answer is under way, this one would stand in its midst.
        under_way: RequestResponseCycle | None = self.cycle  # None until the first request
        if under_way is None or under_way.response_complete:
            answer = problems.answer(Problem(problems.HEAD_TOO_LARGE, detail), "")
            head = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            for name, value in (*answer.raw_headers, (b"connection", b"close")):
                head += b"%b: %b\r\n" % (name, value)
            self.transport.write(head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def _begin(self) -> None:
        self._end()
        self._came = 0
        self._deadline = self.loop.call_later(self.seconds + GRACE_SECONDS, self._over)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _over(self) -> None:
        if self.flow.read_paused:
            # It is us who do not read: an answer is under way, or the database is slow.
            self._begin()
        else:
            self.transport.close()


def protocol(time_for_all: float) -> type[BoundedProtocol]:
    """`BoundedProtocol` with so many seconds for each request."""

    class Timed(BoundedProtocol):
        seconds = time_for_all

    return Timed
