from collections.abc import Iterator
from pathlib import Path

import pytest

from db.engine import Database
from jobs.timing import CallTiming
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.servers.databases import new_database
from tests.servers.valkey import running_valkey
from tests.worker.table_of_answers import Table, running_table
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Table]:
    """What a table of answers needs, once for a module and each kind of database."""
    folder = tmp_path_factory.mktemp("table")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'segq.db'}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    (folder / "valkey").mkdir()
    with running_valkey(folder / "valkey") as redis:
        yield from running_table(url, redis, folder)


@pytest.fixture
def table(servers: Table) -> Table:
    servers.fresh()
    return servers
