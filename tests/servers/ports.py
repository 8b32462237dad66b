import secrets
import socket
import time

# Below 32768, where Linux begins to hand out ports to outgoing connections: a port picked there is
# lost to one of them now and then, between the pick and the bind.
_FIRST, _COUNT = 10_000, 10_000


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, and none that `segq up` would pick."""
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_for_port(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
