"""What a system keeps its state with: its own parts, or servers that somebody has started by hand."""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.databases import new_database
from tests.servers.redis_server import running_redis
from tests.servers.s3 import S3Server

TARGETS = ("embedded", "external")
ON_ITS_OWN_PARTS = pytest.mark.parametrize("stores", ["embedded"], indirect=True)
"""For a test that would see the same twice."""
AT_FULL_SIZE = pytest.mark.full
"""Runs with `--full` only."""
ELSEWHERE_AT_FULL_SIZE = pytest.mark.parametrize(
    "stores", ["embedded", pytest.param("external", marks=AT_FULL_SIZE)], indirect=True
)
"""For a test to which other servers have little to add; those that lock, or race, run on both."""

Stores = Callable[[Path], dict[str, str]]
"""What `segq up` is told about its stores, for a SEGQ_HOME."""


def embedded(_: Path) -> dict[str, str]:
    return {}


class External:
    """PostgreSQL, Debian's redis-server and an S3 server; a database, a Redis and a prefix a home."""

    def __init__(self, stack: ExitStack, folder: Path, postgres: str, s3: S3Server) -> None:
        self._stack = stack
        self._folder = folder
        self._postgres = postgres
        self._s3 = s3
        self._made: dict[Path, dict[str, str]] = {}

    def __call__(self, home: Path) -> dict[str, str]:
        """The same for a home that is started again."""
        if home not in self._made:
            name = f"system-{secrets.token_hex(4)}"
            redis = self._folder / f"redis-{name}"
            redis.mkdir()
            self._made[home] = {
                "DATABASE_URL": new_database(self._postgres),
                "REDIS_URL": self._stack.enter_context(running_redis(redis)),
                **self._s3.environment(name),
            }
        return self._made[home]
