"""Puts into words why an exchange failed. Whether it was sent is known from elsewhere, not here."""

import http.client
import socket
import ssl
from collections.abc import Iterator

from upstream.call import Call, HeldBackError

UNCONNECTED = "no connection was made in time"
WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (HeldBackError, "{0}"),
    (socket.gaierror, "the name could not be resolved ({0.strerror})"),
    (ssl.SSLCertVerificationError, "the TLS certificate was not accepted ({0.verify_message})"),
    (ssl.SSLError, "TLS failed ({0.strerror})"),
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    (http.client.IncompleteRead, "the body broke off"),
    (http.client.BadStatusLine, "the answer is not HTTP"),
    (http.client.LineTooLong, "the answer is not HTTP"),
    (ConnectionRefusedError, "the connection was refused"),
    (ConnectionResetError, "the connection was reset"),
    (BrokenPipeError, "the connection was reset"),
)
"""The first that fits; each type stands before those that it is a kind of."""


def describe(error: Exception, call: Call) -> str:
    """A sentence's worth, without addresses of objects or the library's wrapping."""
    if call.expired:
        return f"no whole answer within {call.seconds:g} s" if call.sent_at else UNCONNECTED
    for cause in _causes(error):
        if isinstance(cause, TimeoutError):
            return (
                f"no answer within {call.seconds:g} s" if call.sent_at else "connecting timed out"
            )
        for kind, words in WORDS:
            if isinstance(cause, kind):
                return words.format(cause)
        # Only the system's own: an exception of requests is an OSError too, and merely wraps.
        if isinstance(cause, OSError) and type(cause).__module__ == "builtins":
            return str(cause.strerror or cause)
    return f"{type(error).__name__}: {error}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """From the outside in, so that an error the caller was handling is met last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
