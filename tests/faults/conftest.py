"""Systems to be broken: as the acceptance tests start them, and behind proxies."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.crashes import Crashes
from tests.servers.databases import new_database
from tests.servers.proxy import Proxy, proxied
from tests.servers.valkey import running_valkey
from tests.systems.fixtures import stores, system
from tests.systems.running_system import System, end_system_at_once

__all__ = ["stores", "system"]


@pytest.fixture
def ending() -> Callable[[System], None]:
    """Nothing is looked at after that, and a regular end takes 1.8 s of a processor."""
    return end_system_at_once


@dataclass(frozen=True)
class Behind:
    """A system whose PostgreSQL and Redis are reached through proxies, images in its own folder."""

    system: System
    sql: Proxy
    redis: Proxy


@pytest.fixture
def crashes(tmp_path: Path) -> Crashes:
    folder = tmp_path / "tokens"
    folder.mkdir()
    return Crashes(folder)


@pytest.fixture
def proxies() -> Iterator[ExitStack]:
    """What stands before a system, and outlives it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def behind(
    proxies: ExitStack, postgres: str, tmp_path: Path, system: Callable[..., System]
) -> Callable[..., Behind]:
    """`behind(SEGQ_SLOTS="2", ...)` starts a system; to be used on its own parts only."""

    def start(**environment: str) -> Behind:
        folder = tmp_path / "valkey-behind"
        folder.mkdir()
        database = new_database(postgres)
        sql = proxies.enter_context(proxied(_port(database)))
        valkey = proxies.enter_context(running_valkey(folder))
        redis = proxies.enter_context(proxied(_port(valkey)))
        started = system(
            DATABASE_URL=database.replace(f":{_port(database)}/", f":{sql.port}/"),
            REDIS_URL=valkey.replace(f":{_port(valkey)}/", f":{redis.port}/"),
            **environment,
        )
        return Behind(started, sql, redis)

    return start


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])
