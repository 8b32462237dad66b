"""Data is let go while somebody else has its job in his hands: nobody waits in a circle, none is lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from db.accounts import AccountStore
from db.engine import Database
from db.job_changes import JobChanges
from db.job_removals import JobRemovals
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import Claim, Job, Moved, NewJob, Settlement, Terms
from db.runs import RunStore
from db.tables import attempts
from db.tenants import TenantStore
from jobs.errors import IllegalMove
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retention import Removed
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import LEASE, PRICE, failed, succeeded
from tests.db.test_locks_in_order import WAITING
from tests.servers.databases import new_database
from tests.systems.processes import wait_until

LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")
ENDED = Decision(State.FAILED, spends_attempt=True)
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    """On PostgreSQL: SQLite has one writer."""
    found = Database(new_database(postgres))
    upgrade(found)
    yield found
    found.close()


@pytest.fixture
def tenant(database: Database) -> UUID:
    return TenantStore(database).create("one").id


@pytest.fixture
def ended(database: Database, tenant: UUID) -> tuple[Job, Claim]:
    """A job that has failed, with a cost that is only believed, and its one call."""
    account = AccountStore(database).ensure("p", "a", call_limit=60, window_seconds=60)
    job = JobStore(database).add(NewJob(tenant, "p", "ssd-canny", {"seed": -1}, PRICE))
    claims = RunStore(database).claim("p", account.id, terms=Terms(LEASE))
    assert isinstance(claims, list)
    settlement = failed(claims[0], LOST, ENDED, cost=PRICE, cost_known=False)
    RunStore(database).settle(settlement)
    with database.write() as connection:
        # The history has been asked long enough.
        connection.execute(attempts.update().values(next_look_at=None))
    return job, claims[0]


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def _waits(database: Database, beside: ThreadPoolExecutor, act: Callable[[], Any]) -> Future[Any]:
    """Begin it, and see that it waits for a lock."""
    found = beside.submit(act)

    def is_waiting() -> bool:
        with ThreadPoolExecutor(1) as one:
            return bool(one.submit(_locks, database).result(20))

    wait_until(is_waiting, "it waits")
    return found


def _locks(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(WAITING) or 0


def test_who_retries_first_has_his_job(
    database: Database, ended: tuple[Job, Claim], tenant: UUID, beside: ThreadPoolExecutor
) -> None:
    job, _ = ended
    removals = JobRemovals(database)
    for verb in (removals.remove_images, removals.remove_data):
        with database.write():
            retried = JobChanges(database).retry(tenant, job.id)
            # It is stepped over, and nobody waits.
            assert beside.submit(verb, tenant, LATER, 10).result(20) == 0
        assert retried.state is State.QUEUED
        assert verb(tenant, LATER, 10) == 0
        JobChanges(database).cancel(tenant, job.id)
        assert removals.remove_images(tenant, LATER, 10) == 1
    found = JobStore(database).get(tenant, job.id)
    assert (found.removed, found.input) == (Removed.NOTHING, {"seed": -1})


def test_who_comes_too_late_is_told_so(
    database: Database, ended: tuple[Job, Claim], tenant: UUID, beside: ThreadPoolExecutor
) -> None:
    job, _ = ended
    removals, changes = JobRemovals(database), JobChanges(database)
    assert removals.remove_images(tenant, LATER, 10) == 1
    with database.write():
        assert removals.remove_data(tenant, LATER, 10) == 1
        retry = _waits(database, beside, lambda: changes.retry(tenant, job.id))
        # Nor does a second upkeep wait for the first.
        assert beside.submit(removals.remove_data, tenant, LATER, 10).result(20) == 0
    with pytest.raises(IllegalMove, match="data has been removed"):
        retry.result(20)


@pytest.mark.parametrize("first", ["settle", "removal"])
def test_what_a_worker_brings_late_is_booked_and_brings_nothing_back(
    first: str,
    database: Database,
    ended: tuple[Job, Claim],
    tenant: UUID,
    beside: ThreadPoolExecutor,
) -> None:
    job, claim = ended
    removals, runs = JobRemovals(database), RunStore(database)
    assert removals.remove_images(tenant, LATER, 10) == 1
    late: Settlement = succeeded(claim, cost=Money(PRICE // 2))
    with database.write():
        if first == "settle":
            assert runs.settle(late) is Moved.NO
            assert beside.submit(removals.remove_data, tenant, LATER, 10).result(20) == 0
        else:
            assert removals.remove_data(tenant, LATER, 10) == 1
            settle = _waits(database, beside, lambda: runs.settle(late))
    if first == "settle":
        assert removals.remove_data(tenant, LATER, 10) == 1
    else:
        assert settle.result(20) is Moved.NO
    found = JobStore(database).get(tenant, job.id)
    assert (found.removed, found.cost, found.outputs) == (Removed.ALL, PRICE // 2, ())
    with database.read() as connection:
        (call,) = connection.execute(select(attempts))
    assert (call.cost, call.cost_known) == (PRICE // 2, True)


def test_a_call_that_somebody_has_locked_keeps_its_jobs_data(
    database: Database, ended: tuple[Job, Claim], tenant: UUID, beside: ThreadPoolExecutor
) -> None:
    """Attempts are locked before jobs, and all of a job's or none of its data is removed."""
    _, claim = ended
    removals = JobRemovals(database)
    assert removals.remove_images(tenant, LATER, 10) == 1
    with database.write() as connection:
        mine = select(attempts.c.id).where(attempts.c.id == claim.attempt_id)
        connection.execute(mine.with_for_update())
        assert beside.submit(removals.remove_data, tenant, LATER, 10).result(20) == 0
    assert removals.remove_data(tenant, LATER, 10) == 1
