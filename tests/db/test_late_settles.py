"""A settle that comes after its lease: what is known ends the doubt, and nothing else does."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.runs import RunStore
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import Claimer, Submit, failed, succeeded

DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")
SOON = datetime.now(UTC) + timedelta(seconds=5)


def test_a_late_worker_ends_the_doubt_that_its_silence_made(
    submit: Submit, claim: Claimer, runs: RunStore, job_store: JobStore, tenant: UUID
) -> None:
    job = submit()
    late = claim()
    assert runs.settle(failed(late, LOST, DOUBT))
    assert job_store.get(tenant, job.id).state is State.IN_DOUBT
    assert runs.settle(succeeded(late))
    # The sweeper may bring the receipt as well; the money is not booked again.
    assert not runs.settle(succeeded(late))
    found = job_store.get(tenant, job.id)
    assert (found.state, found.cost, found.attempts) == (State.SUCCEEDED, 50_000_000, 1)


@pytest.mark.parametrize(
    ("kind", "decision", "attempts"),
    [
        (FailureKind.NOT_SENT, Decision(State.SCHEDULED, spends_attempt=False, run_at=SOON), 0),
        (FailureKind.RATE_LIMITED, Decision(State.QUEUED, spends_attempt=False), 0),
        (
            FailureKind.UPSTREAM_ERROR,
            Decision(State.SCHEDULED, spends_attempt=True, run_at=SOON),
            1,
        ),
        (FailureKind.INVALID_INPUT, Decision(State.FAILED, spends_attempt=True), 1),
    ],
)
def test_a_late_failure_ends_the_doubt_too_and_gives_back_what_it_did_not_spend(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    tenant: UUID,
    kind: FailureKind,
    decision: Decision,
    attempts: int,
) -> None:
    job = submit()
    late = claim()
    assert runs.settle(failed(late, LOST, DOUBT))
    assert job_store.get(tenant, job.id).attempts == 1
    assert runs.settle(failed(late, Failure(kind, "it was known all along"), decision))
    found = job_store.get(tenant, job.id)
    assert (found.state, found.attempts, found.cost) == (decision.state, attempts, 0)
    # A doubt that the sweeper brings later is about nothing.
    assert not runs.settle(failed(late, LOST, DOUBT))


def test_a_canceled_doubt_that_was_free_is_canceled(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    database: Database,
    tenant: UUID,
) -> None:
    job = submit()
    late = claim()
    assert runs.settle(failed(late, LOST, DOUBT))
    JobChanges(database).cancel(tenant, job.id)
    free = Decision(State.SCHEDULED, spends_attempt=False, run_at=SOON)
    assert runs.settle(failed(late, Failure(FailureKind.NOT_SENT, "never left"), free))
    assert job_store.get(tenant, job.id).state is State.CANCELED
