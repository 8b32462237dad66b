"""How many jobs of a tenant may wait: exact however many submit at once, and counted at times only."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from db.budgets import BudgetStore
from db.engine import Database
from db.ids import new_id
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.rows import Job, NewJob
from db.runs import RunStore
from db.tables import jobs, tenant_queues
from db.tenants import TenantStore
from jobs.budgets import Period
from jobs.errors import BudgetExceeded, TooManyQueued
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import PRICE, Claimer, Submit, failed
from tests.db.rows_read import rows_read
from tests.systems.processes import wait_until

RATE_LIMITED = Failure(FailureKind.RATE_LIMITED, "slow down")


def _cap(database: Database, most: int | None) -> None:
    TenantStore(database).set_limits("default", {"max_queued": most})


def _new(tenant: UUID) -> NewJob:
    return NewJob(tenant, "segmind", "ssd-canny", {"samples": 1}, PRICE)


def _fill(database: Database, tenant: UUID, count: int) -> None:
    row = {
        "tenant_id": tenant, "pool": "segmind", "model": "ssd-canny", "input": {"samples": 1},
        "state": "queued", "priority": 1, "group_name": "", "tags": [], "metadata": {},
        "max_attempts": 3, "estimate": PRICE, "created_at": datetime.now(UTC),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(jobs), [{**row, "id": new_id()} for _ in range(count)])


def test_what_waits_or_is_scheduled_fills_the_queue_and_what_runs_does_not(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer
) -> None:
    submit()
    _cap(database, 3)
    submit()
    submit(run_at=datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(TooManyQueued) as refused:
        submit()
    assert (refused.value.queued, refused.value.max_queued) == (3, 3)
    assert refused.value.retry_after == 1
    claim()
    submit()
    with pytest.raises(TooManyQueued):
        submit()
    _cap(database, None)
    submit()


def test_a_cap_is_one_tenants_own(database: Database, tenant: UUID, submit: Submit) -> None:
    _cap(database, 1)
    submit()
    other = TenantStore(database).ensure("other")
    for _ in range(3):
        submit(tenant_id=other)
    found = JobStore(database).add_each([_new(other), _new(tenant), _new(other)])
    assert [isinstance(one, Job) for one in found] == [True, False, True]


def test_of_those_that_come_together_the_first_get_the_room(
    database: Database, tenant: UUID, job_store: JobStore
) -> None:
    _cap(database, 2)
    found = job_store.add_each([_new(tenant)] * 4)
    assert [isinstance(one, Job) for one in found] == [True, True, False, False]
    _cap(database, 5)
    with pytest.raises(TooManyQueued):
        job_store.add_many([_new(tenant)] * 4)
    assert job_store.waiting("segmind", 10) == 2
    assert len(job_store.add_many([_new(tenant)] * 3)) == 3


def test_what_a_budget_refuses_takes_no_room_and_the_other_way_round(
    database: Database, tenant: UUID, job_store: JobStore
) -> None:
    _cap(database, 3)
    budgets = BudgetStore(database)
    budgets.set(tenant, Money(4 * PRICE), Period.TOTAL)
    dear = replace(_new(tenant), estimate=Money(5 * PRICE))
    found = job_store.add_each([dear, dear, dear, *[_new(tenant)] * 4, dear])
    # What both would refuse, the queue refuses: it may have room in a second.
    assert [type(one) for one in found] == [*[BudgetExceeded] * 3, *[Job] * 3, *[TooManyQueued] * 2]
    (budget,) = budgets.of_tenant(tenant)
    assert budget.share.reserved == 3 * PRICE
    _cap(database, 5)
    with pytest.raises(BudgetExceeded):
        job_store.add_many([_new(tenant), _new(tenant)])
    found = job_store.add_each([_new(tenant)] * 2)
    assert [type(one) for one in found] == [Job, BudgetExceeded]
    budgets.remove(tenant, Period.TOTAL)
    found = job_store.add_each([_new(tenant)] * 2)
    assert [type(one) for one in found] == [Job, TooManyQueued]


def test_a_retry_that_the_budget_refuses_takes_no_room(
    database: Database, tenant: UUID, submit: Submit
) -> None:
    changes, budgets = JobChanges(database), BudgetStore(database)
    job = changes.cancel(tenant, submit().id)
    _cap(database, 1)
    budgets.set(tenant, Money(PRICE - 1), Period.TOTAL)
    with pytest.raises(BudgetExceeded):
        changes.retry(tenant, job.id)
    budgets.remove(tenant, Period.TOTAL)
    assert changes.retry(tenant, job.id).state is State.QUEUED
    with pytest.raises(TooManyQueued):
        submit()


def test_submits_of_several_processes_at_once_fill_a_queue_and_no_more(
    database: Database, database_url: str, tenant: UUID
) -> None:
    _cap(database, 100)
    # A database of its own is to SQL, and to our own lock of SQLite, what a process is.
    others = [Database(database_url, pool_size=2, overflow=0) for _ in range(4)]
    try:

        def some(n: int) -> Counter[bool]:
            store = JobStore(others[n % len(others)])
            found = store.add_each([_new(tenant)] * (1 + n % 3))
            return Counter(isinstance(one, Job) for one in found)

        with ThreadPoolExecutor(8) as threads:
            told = sum(threads.map(some, range(250)), Counter[bool]())
    finally:
        for one in others:
            one.close()
    assert sum(told.values()) > 490
    assert told[True] == 100 == JobStore(database).waiting("segmind", 1_000)


def test_what_comes_back_from_a_call_is_never_refused_and_counts(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer, runs: RunStore
) -> None:
    _cap(database, 3)
    for _ in range(2):
        submit()
    claimed = [claim() for _ in range(2)]
    submit()  # of the room of two that was counted, one is left
    for one in claimed:
        runs.settle(failed(one, RATE_LIMITED, Decision(State.QUEUED, spends_attempt=False)))
    with database.read() as connection:
        row = connection.execute(select(tenant_queues)).one()
    assert row.room == -2
    assert row.counted_at is not None, "a burst of refusals is not counted call by call"
    with pytest.raises(TooManyQueued) as refused:
        submit()
    assert refused.value.queued == 3


def test_a_retry_takes_room_and_leaves_the_job_where_there_is_none(
    database: Database, tenant: UUID, submit: Submit, job_store: JobStore
) -> None:
    changes = JobChanges(database)
    canceled = changes.cancel(tenant, submit().id)
    scheduled = submit(run_at=datetime.now(UTC) + timedelta(hours=1))
    _cap(database, 1)
    with pytest.raises(TooManyQueued):
        changes.retry(tenant, canceled.id)
    assert job_store.get(tenant, canceled.id).state is State.CANCELED
    assert changes.retry(tenant, scheduled.id).state is State.QUEUED


def test_a_full_queue_is_not_counted_for_each_submit(
    database_url: str, database: Database, tenant: UUID
) -> None:
    most = 5_000
    _fill(database, tenant, most)
    _cap(database, most)
    line = Database(database_url, pool_size=1, overflow=0)
    store = JobStore(line)

    def refused() -> None:
        (found,) = store.add_each([_new(tenant)])
        assert isinstance(found, TooManyQueued)

    try:
        counted = rows_read(line, refused)
        again = min(rows_read(line, refused) for _ in range(5))
    finally:
        line.close()
    assert again < counted / 10
    # What leaves meanwhile is seen in time: a twentieth of a second for 5,000.
    JobChanges(database).cancel(tenant, _first(database))
    there = JobStore(database)
    wait_until(lambda: isinstance(there.add_each([_new(tenant)])[0], Job), "room again", timeout=10)


def _first(database: Database) -> UUID:
    with database.read() as connection:
        row = connection.execute(jobs.select().where(jobs.c.state == "queued").limit(1)).one()
        return UUID(str(row.id))
