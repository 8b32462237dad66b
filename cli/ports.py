"""Ports on loopback."""

import errno
import secrets
import socket

# Below 32768, where Linux begins to hand out ports to outgoing connections: a port picked there
# could be lost to any of them between the pick and the child's bind.
_FIRST, _COUNT = 20000, 12000
_TRIES = 200


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now. Raises OSError when none is found."""
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_COUNT)
        if not is_taken(port):
            return port
    raise OSError(errno.EADDRINUSE, "no free port on 127.0.0.1")


def is_taken(port: int) -> bool:
    """Whether a server could not bind 127.0.0.1:port now."""
    with socket.socket() as probe:
        # As servers do; without it, connections that ended a moment ago would look like a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
