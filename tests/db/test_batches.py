"""Batches in the database: lines once, budgets held, what is done to all jobs done once, on both."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.account_values import Account
from db.batch_check import batch_drift
from db.batch_intake import BatchIntake
from db.batch_rows import Batch, Line, NewBatch, Rejection
from db.batch_sweeps import BatchSweeps
from db.batch_upkeep import BatchUpkeep
from db.batches import BatchStore
from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.rows import Terms
from db.runs import RunStore
from db.tenants import TenantStore
from jobs.errors import BatchBudgetExceeded, FieldProblem, IllegalMove, TooManyQueued
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.a_batch import AGAIN, BROKE, FAILS, claims, lines_of, states, sweep
from tests.db.conftest import failed, succeeded


def test_lines_that_come_over_eight_connections_at_once_are_there_once(
    database: Database, batch: Batch
) -> None:
    names = [f"n{n}" for n in range(60)]
    intake = BatchIntake(database)

    def take(turn: int) -> int:
        mine = names[turn:] + names[:turn]
        return intake.take(batch.tenant_id, batch.id, lines_of(batch, *mine)).accepted

    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(take, range(0, 40, 5)))
    assert sum(accepted) == 60
    assert states(database, batch) == {"queued": 60}
    kept, _ = BatchStore(database).get(batch.tenant_id, batch.id)
    assert kept.jobs == 60


def test_what_is_rejected_is_kept_until_a_line_of_that_name_comes(
    database: Database, batch: Batch
) -> None:
    intake = BatchIntake(database)
    wrong = Rejection(2, "b", (FieldProblem("input", "is wrong", "1"),))
    taken = intake.take(batch.tenant_id, batch.id, lines_of(batch, "a", "a"), [wrong])
    assert (taken.accepted, taken.known, taken.rejections) == (1, 1, (wrong,))
    other = lines_of(batch, "a")[0]
    changed = Line(9, "a", other.new, b"another".ljust(16))
    taken = intake.take(batch.tenant_id, batch.id, [changed, *lines_of(batch, "b")])
    assert (taken.accepted, taken.known) == (1, 0)
    assert [one.number for one in taken.rejections] == [9]


def test_a_line_without_a_priority_has_its_batchs_of_now(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    """Which may have changed since its upload began."""
    first, second = lines_of(batch, "follows", "says")
    BatchSweeps(database).set_priority(batch.tenant_id, batch.id, Priority.HIGH)
    BatchIntake(database).take(batch.tenant_id, batch.id, [replace(first, follows=True), second])
    sweep(database, batch)
    found = {one.job.custom_id: one.job.priority for one in claims(runs, account, 2)}
    assert found == {"follows": Priority.HIGH, "says": Priority.NORMAL}


def test_a_full_queue_stops_an_upload_at_its_line(database: Database, tenant: UUID) -> None:
    TenantStore(database).set_limits("default", {"max_queued": 3})
    batch = BatchStore(database).add(NewBatch(tenant, "segmind", "one", {}))
    intake = BatchIntake(database)
    lines = lines_of(batch, *"abcde")
    taken = intake.take(tenant, batch.id, lines)
    assert taken.accepted == 3
    assert taken.stopped is not None
    assert (taken.stopped[0], type(taken.stopped[1])) == (4, TooManyQueued)
    strict = BatchStore(database).add(NewBatch(tenant, "segmind", "two", {}))
    taken = intake.take(tenant, strict.id, lines_of(strict, *"xyz"), strict=True)
    assert (taken.accepted, states(database, strict)) == (0, {})


def test_a_budget_of_its_own_covers_lines_retries_and_what_is_sent_again(
    database: Database, tenant: UUID, runs: RunStore, account: Account
) -> None:
    batch = BatchStore(database).add(NewBatch(tenant, "segmind", "one", {}, budget=Money(25)))
    taken = BatchIntake(database).take(tenant, batch.id, lines_of(batch, *"abc"))
    assert taken.accepted == 2
    assert taken.stopped is not None
    assert isinstance(taken.stopped[1], BatchBudgetExceeded)
    first, second = claims(runs, account, 2)
    # It failed and was paid: 4 are left for the 10 of another call.
    runs.settle(failed(first, BROKE, AGAIN, cost=Money(10)))
    assert states(database, batch) == {"failed": 1, "running": 1}
    job = JobStore(database).get(tenant, first.job.id)
    assert job.error is not None
    assert "budget" in job.error["message"]
    # One that cost nothing leaves its reservation to the next.
    runs.settle(failed(second, BROKE, AGAIN))
    assert states(database, batch) == {"failed": 1, "queued": 1}
    with pytest.raises(BatchBudgetExceeded):
        JobChanges(database).retry(tenant, first.job.id)
    BatchStore(database).set_budget(tenant, batch.id, Money(40))
    JobChanges(database).retry(tenant, first.job.id)
    assert states(database, batch) == {"queued": 2}


def test_a_cancel_holds_at_once_and_ends_each_job_once(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"abcdef"))
    (running,) = claims(runs, account, 1)
    sweeps = BatchSweeps(database)
    sweeps.cancel(batch.tenant_id, batch.id)
    assert claims(runs, account, 5) == []
    with pytest.raises(IllegalMove):
        BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, "late"))
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(lambda _: sweeps.go_on(batch.id), range(4)))
    assert sum(part.changed for part in changed) == 6
    assert states(database, batch) == {"canceled": 5, "running": 1}
    runs.settle(succeeded(running))
    assert states(database, batch) == {"canceled": 6}
    done = BatchUpkeep(database).tend(100)
    assert done.finished == [batch.id]


def test_a_job_that_is_run_again_opens_its_batch_again(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    for claim in claims(runs, account, 2):
        runs.settle(failed(claim, BROKE, FAILS))
    BatchStore(database).close(batch.tenant_id, batch.id)
    upkeep = BatchUpkeep(database)
    upkeep.tend(100)
    store = BatchStore(database)
    assert store.get(batch.tenant_id, batch.id)[0].finished_at is not None
    JobChanges(database).retry(batch.tenant_id, claim.job.id)
    assert store.get(batch.tenant_id, batch.id)[0].finished_at is None
    for one in claims(runs, account, 2):
        runs.settle(succeeded(one))
    assert upkeep.tend(100).finished == [batch.id]
    BatchSweeps(database).retry(batch.tenant_id, batch.id, [State.FAILED])
    sweep(database, batch)
    assert states(database, batch) == {"queued": 1, "succeeded": 1}


def test_a_new_priority_reaches_every_waiting_job(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"abc"))
    claims(runs, account, 1)
    sweeps = BatchSweeps(database)
    sweeps.set_priority(batch.tenant_id, batch.id, Priority.HIGH)
    with pytest.raises(IllegalMove, match="priority"):
        sweeps.retry(batch.tenant_id, batch.id, [State.FAILED])
    assert sweeps.go_on(batch.id).changed == 2
    assert sweeps.begun(10) == []


def test_lost_leases_leave_the_counts_right(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    found = runs.claim("segmind", account.id, terms=Terms(timedelta(0)), count=2)
    assert isinstance(found, list)
    doubt = Decision(State.IN_DOUBT, spends_attempt=True)
    lost = Failure(FailureKind.WORKER_LOST, "its worker was lost")
    for claim in found:
        runs.settle(failed(claim, lost, doubt, cost_known=False))
    assert states(database, batch) == {"in_doubt": 2}
    runs.settle(succeeded(found[0]))
    assert states(database, batch) == {"in_doubt": 1, "succeeded": 1}


def test_jobs_that_wait_for_a_moment_are_released_with_their_counts(
    database: Database, batch: Batch, job_store: JobStore, runs: RunStore, account: Account
) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, "a"))
    (claim,) = claims(runs, account, 1)
    later = Decision(State.SCHEDULED, spends_attempt=True, run_at=datetime.now(UTC))
    runs.settle(failed(claim, BROKE, later))
    assert states(database, batch) == {"scheduled": 1}
    assert job_store.release_due(10) == [claim.job.id]
    assert states(database, batch) == {"queued": 1}
    assert batch_drift(database) == []
