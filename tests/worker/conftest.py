from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from db.engine import Database
from db.rows import Job, NewJob
from db.tenants import TenantStore
from jobs import catalog
from jobs.catalog.inputs import check
from jobs.timing import CallTiming
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.servers.databases import new_database
from tests.servers.valkey import running_valkey
from tests.worker.one_account import only
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
def settings(database_url: str, valkey: str, sandbox: SandboxProcess, tmp_path: Path) -> Settings:
    """What `parts` are built with; a module that wants others has a fixture of this name."""
    return Settings(
        database_url=database_url,
        redis_url=valkey,
        artifacts=tmp_path / "artifacts",
        pool="segmind",
        segmind_keys={"default": KEY},
        segmind_base_url=sandbox.url,
        calls_per_minute=6_000,
        slots=4,
        timing=CallTiming(deadline=5, grace=1),
        ready_file=None,
    )


@pytest.fixture
def parts(database: Database, settings: Settings) -> Iterator[Parts]:
    """A worker's parts in this process, with its limiter open; the servers are real."""
    found = build(settings)
    only(found).limiter.rebuild([], 0, first=True)
    yield found
    found.askers.shutdown()
    found.upstream.close()
    found.redis.close()
    found.database.close()


@pytest.fixture
def tenant(database: Database) -> UUID:
    return TenantStore(database).ensure("default")


Submit = Callable[..., Job]


@pytest.fixture
def submit(parts: Parts, tenant: UUID) -> Submit:
    """A job of SSD-Canny with these inputs; those in `of_job` are the job's own."""

    def one(of_job: dict[str, Any] | None = None, **values: object) -> Job:
        given = {"image": "https://example.org/a.png", "prompt": "a fox", **values}
        model = catalog.model("ssd-canny")
        checked = check(model, given)
        price = model.price(checked)
        new = NewJob(tenant, parts.pool, model.slug, checked, price, **(of_job or {}))
        return parts.jobs.add(new)

    return one


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
