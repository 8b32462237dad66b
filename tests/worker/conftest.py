from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Database
from jobs.timing import CallTiming
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from worker.parts import Parts, build
from worker.settings import Settings


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    started = SandboxProcess()
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def parts(
    database: Database, database_url: str, valkey: str, sandbox: SandboxProcess, tmp_path: Path
) -> Iterator[Parts]:
    """A worker's parts in this process, with its limiter open; the servers are real."""
    settings = Settings(
        database_url=database_url,
        redis_url=valkey,
        artifacts=tmp_path / "artifacts",
        pool="segmind",
        segmind_key=KEY,
        segmind_base_url=sandbox.url,
        calls_per_minute=6_000,
        slots=4,
        timing=CallTiming(deadline=5, grace=1),
        ready_file=None,
    )
    found = build(settings)
    found.limiter.rebuild([], 0, first=True)
    yield found
    found.segmind.close()
    found.redis.close()
    found.database.close()
