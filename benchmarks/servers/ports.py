"""Ports of loopback."""

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(port: int, alive: Callable[[], None], seconds: float = 30) -> None:
    """Return once somebody listens. `alive` raises when there is nothing left to wait for."""
    deadline = time.monotonic() + seconds
    while True:
        alive()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
