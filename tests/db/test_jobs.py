from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from db.account_values import Account
from db.engine import Database
from db.jobs import JobStore
from db.rows import NewJob
from db.runs import RunStore
from db.tables import jobs
from db.tenants import TenantStore
from jobs.errors import NotFound
from jobs.money import Money
from jobs.states import Priority, State
from tests.db.conftest import Claimer, Submit


def test_a_job_comes_back_as_it_was_given(
    submit: Submit, job_store: JobStore, tenant: UUID
) -> None:
    given = {"z": 1, "a": [1.50, {"b": None}], "prompt": "größer 🎨", "big": 999_999_999_999_999}
    job = submit(
        input=given, priority=Priority.LOW, group="g", tags=("x", "y"), metadata={"k": [1]}
    )
    found = job_store.get(tenant, job.id)
    assert found == job
    assert list(found.input.items()) == list(given.items())
    assert (found.priority, found.group, found.tags) == (Priority.LOW, "g", ("x", "y"))
    assert found.state is State.QUEUED
    assert found.created_at.tzinfo is not None


def test_another_tenant_sees_nothing(database: Database, submit: Submit) -> None:
    stranger = TenantStore(database).ensure("stranger")
    job = submit()
    store = JobStore(database)
    with pytest.raises(NotFound):
        store.get(stranger, job.id)


def test_many_come_in_the_order_asked_and_to_their_tenant_alone(
    database: Database, submit: Submit, job_store: JobStore, tenant: UUID
) -> None:
    stranger = TenantStore(database).ensure("stranger")
    first, second = submit(tags=("x", "x")), submit()
    theirs = submit(tenant_id=stranger)
    wanted = [
        *((tenant, second.id), (tenant, theirs.id), (tenant, first.id)),
        *((tenant, UUID(int=7)), (stranger, theirs.id), (tenant, second.id)),
    ]
    assert job_store.get_many(wanted) == [second, None, first, None, theirs, second]
    assert job_store.get_many([]) == []


def test_many_are_kept_all_or_none(job_store: JobStore, tenant: UUID, database: Database) -> None:
    new = NewJob(tenant, "segmind", "ssd-canny", {"prompt": "a"}, Money(60), tags=("x",))
    later = datetime.now(UTC) + timedelta(hours=1)
    added = job_store.add_many([new, replace(new, run_at=later, metadata={"k": 1}), new])
    assert [job.state for job in added] == [State.QUEUED, State.SCHEDULED, State.QUEUED]
    assert job_store.get_many([(tenant, job.id) for job in added]) == added
    with pytest.raises(IntegrityError):
        job_store.add_many([new, replace(new, tenant_id=UUID(int=7))])
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(jobs)) == 3
    assert job_store.add_many([]) == []


def test_a_future_run_at_waits_until_it_is_due(
    submit: Submit, job_store: JobStore, tenant: UUID
) -> None:
    later = submit(run_at=datetime.now(UTC) + timedelta(hours=1))
    soon = submit(run_at=datetime.now(UTC) + timedelta(seconds=0.5))
    assert later.state is soon.state is State.SCHEDULED
    while not (released := job_store.release_due(10)):
        pass
    assert released == [soon.id]
    assert job_store.get(tenant, soon.id).state is State.QUEUED
    assert job_store.get(tenant, later.id).state is State.SCHEDULED


def test_start_by_expires_what_waits_and_nothing_else(
    submit: Submit, job_store: JobStore, tenant: UUID, claim: Claimer
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    running = submit()
    claim()
    late, kept = submit(start_by=past), submit(start_by=past + timedelta(hours=1))
    overdue = submit(finish_by=past)
    assert set(job_store.expire(10)) == {late.id, overdue.id}
    found = job_store.get(tenant, late.id)
    assert found.state is State.EXPIRED
    assert found.error is not None
    assert job_store.get(tenant, kept.id).state is State.QUEUED
    assert job_store.get(tenant, running.id).state is State.RUNNING


def test_what_is_too_late_is_never_claimed(
    submit: Submit, runs: RunStore, account: Account, claim: Claimer
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    submit(start_by=past)
    submit(finish_by=past)
    assert runs.next_price("segmind", account.id) is None
    kept = submit(group="other")
    assert claim().job.id == kept.id


def test_waiting_is_counted_up_to_a_limit(submit: Submit, job_store: JobStore) -> None:
    for _ in range(4):
        submit()
    assert job_store.waiting("segmind", 10) == 4
    assert job_store.waiting("segmind", 3) == 3
    assert job_store.waiting("elsewhere", 3) == 0
