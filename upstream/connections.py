"""urllib3 connections that ask for leave before the first byte and can be cut at a deadline."""

import http.client
import socket
import time
from types import MappingProxyType
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from upstream import call

IDLE_LIMIT = 5.0
"""Seconds for which a connection may lie unused and still carry a call. Servers and balancers close
idle ones without a word, and a POST that meets such a close is a call that may have been paid."""


class FinalResponse(http.client.HTTPResponse):
    """The answer itself, whatever a server says before it."""

    def _read_status(self) -> tuple[str, int, str]:
        # http.client passes over 100 alone. It would take a 103 (RFC 8297) for the whole answer and
        # keep the connection, and the answer proper would then be the next job's image.
        version, status, reason = super()._read_status()  # type: ignore[misc]
        informational = status // 100 == 1
        return version, http.client.CONTINUE if informational else status, reason


class PlainConnection(HTTPConnection):
    """A connection whose request begins with the call's leave."""

    response_class = FinalResponse
    _heard_at = 0.0
    _during_connect: socket.socket | None = None

    @property
    def is_connected(self) -> bool:
        """urllib3 asks before it reuses a connection, and replaces it on a no."""
        return time.monotonic() - self._heard_at <= IDLE_LIMIT and super().is_connected

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # TLS takes the descriptor out of this object and may drip too, so a duplicate is held.
        self._during_connect = sock.dup()
        call.current().hold(self._during_connect)
        return sock

    def connect(self) -> None:
        """Connects, with TLS and a proxy's tunnel where there are any, within the deadline."""
        try:
            super().connect()
        finally:
            call.current().hold(None)
            if self._during_connect is not None:
                self._during_connect.close()
                self._during_connect = None

    def _tunnel(self) -> None:
        super()._tunnel()
        # The end of a proxy's answer that was cut at the deadline reads like its real end.
        call.current().check_deadline()

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        """The first byte leaves in here, and not before the call has leave to send."""
        if self.sock is None:
            self.connect()
        one = call.current()
        one.hold(self.sock)
        # Still the connect timeout up to here, and a timeout spans the whole of one `sendall`:
        # a large image over a slow line would fail, paid or not.
        self.sock.settimeout(one.remaining())
        one.about_to_write()
        super().endheaders(message_body, encode_chunked=encode_chunked)

    def getresponse(self) -> Any:
        """The moment is kept, from which the connection counts as idle."""
        response = super().getresponse()
        self._heard_at = time.monotonic()
        return response


class TlsConnection(PlainConnection, HTTPSConnection):
    """The same over TLS: leave is asked after the handshake."""


class PlainPool(HTTPConnectionPool):
    """Lets a call go before its connection can be another's."""

    ConnectionCls = PlainConnection

    def _put_conn(self, conn: Any) -> None:
        call.current().end()
        super()._put_conn(conn)


class TlsPool(HTTPSConnectionPool):
    """The same over TLS."""

    ConnectionCls = TlsConnection

    def _put_conn(self, conn: Any) -> None:
        call.current().end()
        super()._put_conn(conn)


POOLS = MappingProxyType({"http": PlainPool, "https": TlsPool})
