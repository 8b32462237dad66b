"""The limiter's script as it is, but for where it reads the time: tests set that."""

from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.pace import SECOND
from worker import limiter as limiter_module

CLOCK = "test:clock"
START = 1_000_000
"""Seconds on that clock when a test begins: a server's is never at 0."""


@pytest.fixture
def on_a_clock(valkey: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    script = limiter_module._SCRIPT
    told = script.replace("redis.call('TIME')", f"redis.call('LRANGE', '{CLOCK}', 0, 1)")
    assert told != script
    monkeypatch.setattr(limiter_module, "_SCRIPT", told)
    with Redis.from_url(valkey) as connection:
        set_clock(connection, 0)
        yield connection


def set_clock(redis: Redis, second: float) -> None:
    """So many seconds after `START`; a flush takes it along."""
    redis.delete(CLOCK)
    redis.rpush(CLOCK, *divmod(round((START + second) * SECOND), SECOND))
