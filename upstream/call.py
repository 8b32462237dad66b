"""One call under way: its deadline, the leave to send, and when its first byte was written.

requests hands nothing of ours down to the connection it picks, and a call stays in one thread from
start to end, so the connection finds its call in a thread-local.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime


class HeldBackError(Exception):
    """Raised in place of the first write: nothing was sent. Its text says why."""


class Call:
    """Written to by the thread that makes the call; only `expire` comes from another."""

    def __init__(self, seconds: float, may_send: Callable[[], bool]) -> None:
        """`seconds`: the total time from now. `may_send` is asked right before the first byte."""
        self.seconds = seconds
        self.expires = time.monotonic() + seconds
        self.expired = False
        self.sent_at: datetime | None = None
        self.sent_monotonic: float | None = None
        self._may_send = may_send
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.ended = False

    def hold(self, sock: socket.socket | None) -> None:
        """Cut this socket at the deadline from now on; None lets go of the last one."""
        with self._lock:
            self._socket = sock
            if self.expired:
                self._cut()

    def about_to_write(self) -> None:
        """Raises `HeldBackError`, or notes the moment: from here on the call may be paid."""
        self.check_deadline()
        if not self._may_send():
            raise HeldBackError("too much time had passed to send it still")
        self.sent_monotonic = time.monotonic()
        self.sent_at = datetime.now(UTC)

    def check_deadline(self) -> None:
        """Raises `HeldBackError` when it has passed."""
        if self.expired or time.monotonic() >= self.expires:
            raise HeldBackError(f"connecting took the whole {self.seconds:g} s")

    def remaining(self) -> float:
        """Seconds to the deadline, above 0, as a socket timeout must be (0 is non-blocking)."""
        return max(self.expires - time.monotonic(), 0.001)

    def expire(self) -> None:
        """Shuts the socket down, which wakes the thread that reads from or writes to it."""
        with self._lock:
            if not self.ended:
                self.expired = True
                self._cut()

    def end(self) -> None:
        """Nothing is cut after this: the socket may be another call's by then."""
        with self._lock:
            self.ended = True
            self._socket = None

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not `SSLSocket.shutdown`: that would drop the TLS layer under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_this_thread = threading.local()


@contextmanager
def under_way(call: Call) -> Iterator[None]:
    """Makes the call this thread's current one, and ends it."""
    _this_thread.call = call
    try:
        yield
    finally:
        call.end()
        _this_thread.call = None


def current() -> Call:
    """The call of this thread; the connections here are used within `under_way` only."""
    call = getattr(_this_thread, "call", None)
    if not isinstance(call, Call):
        raise RuntimeError("a connection is used outside a call")  # noqa: TRY004  # no argument
    return call
