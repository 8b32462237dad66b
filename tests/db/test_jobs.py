from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.engine import Database
from db.jobs import JobStore
from db.runs import RunStore
from db.tenants import TenantStore
from jobs.errors import IllegalMove, NotFound
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.conftest import Claimer, Submit, failed, succeeded


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
    with pytest.raises(NotFound):
        store.cancel(stranger, job.id)


def test_a_future_run_at_waits_until_it_is_due(
    submit: Submit, job_store: JobStore, tenant: UUID
) -> None:
    now = datetime.now(UTC)
    later = submit(run_at=now + timedelta(hours=1))
    soon = submit(run_at=now + timedelta(milliseconds=60))
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


def test_what_is_too_late_is_never_claimed(submit: Submit, runs: RunStore, claim: Claimer) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    submit(start_by=past)
    submit(finish_by=past)
    assert runs.next_price("segmind") is None
    kept = submit(group="other")
    assert claim().job.id == kept.id


def test_a_waiting_job_is_canceled_at_once_and_twice_alike(
    submit: Submit, job_store: JobStore, tenant: UUID, runs: RunStore
) -> None:
    job = submit()
    assert job_store.cancel(tenant, job.id).state is State.CANCELED
    assert job_store.cancel(tenant, job.id).state is State.CANCELED
    assert runs.next_price("segmind") is None


def test_a_running_job_is_canceled_when_its_call_has_ended(
    submit: Submit, job_store: JobStore, tenant: UUID, claim: Claimer, runs: RunStore
) -> None:
    job = submit()
    claimed = claim()
    asked = job_store.cancel(tenant, job.id)
    assert asked.state is State.RUNNING
    assert asked.cancel_requested_at is not None
    assert runs.settle(succeeded(claimed))
    found = job_store.get(tenant, job.id)
    assert found.state is State.CANCELED
    assert found.cost == 50_000_000
    assert len(found.outputs) == 1


def test_what_has_ended_cannot_be_canceled(
    submit: Submit, job_store: JobStore, tenant: UUID, claim: Claimer, runs: RunStore
) -> None:
    job = submit()
    runs.settle(succeeded(claim()))
    with pytest.raises(IllegalMove, match="already ended as succeeded"):
        job_store.cancel(tenant, job.id)


def test_waiting_is_counted_up_to_a_limit(submit: Submit, job_store: JobStore) -> None:
    for _ in range(4):
        submit()
    assert job_store.waiting("segmind", 10) == 4
    assert job_store.waiting("segmind", 3) == 3
    assert job_store.waiting("elsewhere", 3) == 0


def test_a_cancel_that_races_a_settle_is_never_lost(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    """Whichever comes first: afterwards the job is canceled, not back in the queue."""
    limited = Failure(FailureKind.RATE_LIMITED, "slow down")
    back = Decision(State.QUEUED, spends_attempt=False)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(30):
            job = submit()
            settling = pool.submit(runs.settle, failed(claim(), limited, back))
            canceling = pool.submit(job_store.cancel, tenant, job.id)
            settling.result()
            canceling.result()
            assert job_store.get(tenant, job.id).state is State.CANCELED
