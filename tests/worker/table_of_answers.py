"""One worker's parts for many lines of a table: the servers are started once for all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update

from db.engine import Database
from db.migrate import upgrade
from db.rows import Job, NewJob
from db.tables import accounts, jobs, model_pauses
from db.tenants import TenantStore
from jobs import catalog
from jobs.catalog.inputs import check
from jobs.money import Money, parse
from jobs.timing import CallTiming
from tests.sandbox.sandbox_process import CALM, KEY, SandboxProcess
from tests.worker.one_account import calling_with, only
from upstream import Endpoints, Segmind
from worker.parts import Parts, build
from worker.settings import Settings


@dataclass(frozen=True)
class Table:
    """A sandbox, and the parts of a worker that calls it. `fresh` before each line."""

    parts: Parts
    sandbox: SandboxProcess
    tenant: UUID

    def fresh(self) -> None:
        """No fault, no pause, no job that waits, an empty ledger."""
        self.sandbox.clear_faults()
        assert self.sandbox.change(**CALM).is_success
        assert self.sandbox.http.delete("/_sandbox/ledger").is_success
        with self.parts.database.write() as connection:
            connection.execute(delete(model_pauses))
            connection.execute(
                update(accounts).values(
                    paused_for=None,
                    paused_at=None,
                    limited_until=None,
                    credits=None,
                    learned_limit=None,
                    good_limit=None,
                    learned_revision=None,
                )
            )
            waiting = jobs.c.state.in_(["queued", "scheduled", "in_doubt"])
            connection.execute(update(jobs).where(waiting).values(state="canceled"))
        self.count_in(60)

    def count_in(self, seconds: int) -> None:
        """A limiter without memory that counts in such windows.

        What the line before has taught it would hold: its failures might open the circuit breaker.
        """
        with self.parts.database.write() as connection:
            connection.execute(update(accounts).values(window_seconds=seconds))
        limiter = only(self.parts).limiter
        self.parts.redis.delete(*limiter._keys[:3])
        limiter.remember(self.parts.accounts.get(limiter.account.id))
        limiter.rebuild([], 0.0, first=True)

    def submit(self, slug: str = "ssd-canny", max_attempts: int = 1, **values: Any) -> Job:
        model = catalog.model(slug)
        checked = check(model, {**model.example, **values})
        new = NewJob(
            self.tenant,
            self.parts.pool,
            model.slug,
            checked,
            model.price(checked),
            max_attempts=max_attempts,
        )
        return self.parts.jobs.add(new)

    def job(self, job: Job) -> Job:
        return self.parts.jobs.get(self.tenant, job.id)

    def charged(self) -> Money:
        """What the ledger's calls cost."""
        return Money(sum(parse(str(row["cost"])) for row in self.sandbox.ledger()))

    def calling(self, url: str, deadline: float) -> Parts:
        """The parts with another client; it is closed with the process."""
        segmind = Segmind(KEY, Endpoints.from_base_url(url), connections=1, deadline=deadline)
        return calling_with(self.parts, segmind)


def running_table(database_url: str, redis_url: str, folder: Path) -> Iterator[Table]:
    """For a fixture: starts the sandbox, builds the parts, ends both."""
    sandbox = SandboxProcess()
    try:
        database = Database(database_url)
        upgrade(database)
        tenant = TenantStore(database).ensure("default")
        database.close()
        parts = build(
            Settings(
                database_url=database_url,
                redis_url=redis_url,
                artifacts=folder / "artifacts",
                pool="segmind",
                segmind_keys={"default": KEY},
                segmind_base_url=sandbox.url,
                calls_per_minute=100_000,
                slots=4,
                timing=CallTiming(deadline=20, grace=1),
                ready_file=None,
            )
        )
        only(parts).limiter.rebuild([], 0, first=True)
        yield Table(parts, sandbox, tenant)
        parts.upstream.close()
        parts.redis.close()
        parts.database.close()
    finally:
        sandbox.end()
