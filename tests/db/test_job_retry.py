from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.rows import Claim
from db.runs import RunStore
from db.tables import attempts
from jobs.errors import IllegalMove
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import Claimer, Submit, failed, succeeded

BROKEN = Failure(FailureKind.UPSTREAM_ERROR, "internal", 500)
REJECTED = Failure(FailureKind.RESULT_REJECTED, "no image", 200)
LOST = Failure(FailureKind.WORKER_LOST, "lost")
ENDED = Decision(State.FAILED, spends_attempt=True)
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)


@pytest.fixture
def changes(database: Database) -> JobChanges:
    return JobChanges(database)


def again_at(moment: datetime) -> Decision:
    return Decision(State.SCHEDULED, spends_attempt=True, run_at=moment)


def test_a_failed_job_runs_again_with_one_more_attempt_and_a_new_seed(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    changes: JobChanges,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    job = submit(max_attempts=1)
    first = claim()
    runs.settle(failed(first, BROKEN, ENDED))
    retried = changes.retry(tenant, job.id)
    assert job_store.get(tenant, job.id) == retried
    assert (retried.id, retried.input, retried.state) == (job.id, job.input, State.QUEUED)
    assert (retried.attempts, retried.max_attempts) == (1, 2)
    assert (retried.error, retried.finished_at) == (None, None)
    second = claim()
    assert (second.job.id, second.number) == (job.id, 2)
    assert second.seed != first.seed
    assert runs.settle(succeeded(second))
    assert job_store.get(tenant, job.id).state is State.SUCCEEDED


def test_attempts_that_are_left_are_not_raised(
    submit: Submit, claim: Claimer, runs: RunStore, changes: JobChanges, tenant: UUID
) -> None:
    job = submit(max_attempts=3)
    runs.settle(failed(claim(), BROKEN, ENDED))
    assert changes.retry(tenant, job.id).max_attempts == 3


def test_a_seed_that_the_caller_gave_stays(
    submit: Submit, claim: Claimer, runs: RunStore, changes: JobChanges, tenant: UUID
) -> None:
    job = submit(input={"prompt": "a", "seed": 7})
    runs.settle(failed(claim(), BROKEN, ENDED))
    changes.retry(tenant, job.id)
    assert claim().seed == 7


def test_what_was_paid_stays_booked(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    changes: JobChanges,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    job = submit()
    paid = failed(claim(), REJECTED, ENDED)
    runs.settle(type(paid)(**{**vars(paid), "cost": Money(60_000_000)}))
    assert changes.retry(tenant, job.id).cost == 60_000_000
    runs.settle(succeeded(claim()))
    assert job_store.get(tenant, job.id).cost == 110_000_000


def test_a_canceled_job_runs_again_without_the_wish(
    submit: Submit, claim: Claimer, changes: JobChanges, tenant: UUID
) -> None:
    job = submit()
    changes.cancel(tenant, job.id)
    assert changes.retry(tenant, job.id).cancel_requested_at is None
    assert claim().job.id == job.id


def test_an_expired_job_loses_the_bounds_that_have_passed(
    submit: Submit, claim: Claimer, changes: JobChanges, job_store: JobStore, tenant: UUID
) -> None:
    now = datetime.now(UTC)
    past, later = now - timedelta(seconds=1), now + timedelta(hours=1)
    job = submit(start_by=past, finish_by=later)
    assert job_store.expire(10) == [job.id]
    retried = changes.retry(tenant, job.id)
    assert (retried.state, retried.start_by, retried.finish_by) == (State.QUEUED, None, later)
    assert job_store.expire(10) == []
    assert claim().job.id == job.id


def test_a_scheduled_job_need_not_wait_any_longer(
    submit: Submit, claim: Claimer, runs: RunStore, changes: JobChanges, tenant: UUID
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    asked, backing_off = submit(run_at=later), submit()
    runs.settle(failed(claim(), BROKEN, again_at(later)))
    for job in (asked, backing_off):
        retried = changes.retry(tenant, job.id)
        assert (retried.state, retried.run_at) == (State.QUEUED, None)
    assert {claim().job.id, claim().job.id} == {asked.id, backing_off.id}


def test_what_is_under_way_or_paid_is_not_retried(
    submit: Submit, claim: Claimer, runs: RunStore, changes: JobChanges, tenant: UUID
) -> None:
    job = submit()

    def is_refused(why: str) -> None:
        with pytest.raises(IllegalMove, match=why):
            changes.retry(tenant, job.id)

    is_refused("queued already")
    claimed = claim()
    is_refused("is running")
    runs.settle(failed(claimed, LOST, DOUBT))
    is_refused("may have been paid")
    runs.settle(succeeded(claimed))
    is_refused("has succeeded")


def test_images_of_a_canceled_job_are_not_paid_twice(
    submit: Submit, claim: Claimer, runs: RunStore, changes: JobChanges, tenant: UUID
) -> None:
    job = submit()
    claimed = claim()
    changes.cancel(tenant, job.id)
    runs.settle(succeeded(claimed))
    with pytest.raises(IllegalMove, match="its images are there"):
        changes.retry(tenant, job.id)


def test_nothing_that_an_earlier_attempt_brings_moves_a_retried_job(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    changes: JobChanges,
    job_store: JobStore,
    tenant: UUID,
    database: Database,
) -> None:
    job = submit()
    stale = claim()
    runs.settle(failed(stale, BROKEN, ENDED))
    queued = changes.retry(tenant, job.id)

    def nothing_moves() -> None:
        before = job_store.get(tenant, job.id)
        assert not runs.settle(succeeded(stale))
        assert not runs.settle(failed(stale, BROKEN, ENDED))
        assert not runs.settle(failed(stale, LOST, DOUBT))
        assert job_store.get(tenant, job.id) == before

    nothing_moves()
    assert job_store.get(tenant, job.id) == queued
    fresh: Claim = claim()
    nothing_moves()
    runs.settle(failed(fresh, LOST, DOUBT))
    nothing_moves()
    assert runs.settle(succeeded(fresh))
    nothing_moves()
    with database.read() as connection:
        outcomes = connection.scalars(select(attempts.c.outcome).order_by(attempts.c.number)).all()
    assert outcomes == ["upstream_error", "succeeded"]


def test_a_backoff_that_would_pass_finish_by_expires_the_job_at_once(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    end = datetime.now(UTC) + timedelta(minutes=1)
    late, soon = submit(finish_by=end), submit(finish_by=end)
    runs.settle(failed(claim(), BROKEN, again_at(end)))
    runs.settle(failed(claim(), BROKEN, again_at(end - timedelta(seconds=1))))
    found = job_store.get(tenant, late.id)
    assert (found.state, found.attempts) == (State.EXPIRED, 1)
    assert found.finished_at is not None
    assert found.error == {
        "kind": "expired",
        "message": "its finish_by comes before it could be tried again; the last one failed: "
        "internal",
    }
    assert job_store.get(tenant, soon.id).state is State.SCHEDULED


def test_a_call_that_comes_back_after_finish_by_counts(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    end = datetime.now(UTC) + timedelta(milliseconds=300)
    job = submit(finish_by=end)
    claimed = claim()
    while datetime.now(UTC) < end:
        pass
    assert job_store.expire(10) == []
    assert runs.settle(succeeded(claimed))
    assert job_store.get(tenant, job.id).state is State.SUCCEEDED
