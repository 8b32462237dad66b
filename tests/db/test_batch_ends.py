"""When a batch is finished: once nothing is to come of it and nothing is being done to it, whatever
that last thing was.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event

from db.account_values import Account
from db.batch_intake import BatchIntake
from db.batch_rows import Batch
from db.batch_sweeps import BatchSweeps
from db.batch_upkeep import BatchUpkeep
from db.batches import BatchStore
from db.engine import Database
from db.runs import RunStore
from jobs.batches import Sweep
from jobs.states import Priority, State
from tests.db.a_batch import BROKE, FAILS, claims, lines_of, states, sweep
from tests.db.conftest import failed, succeeded


def now(database: Database, batch: Batch) -> Batch:
    return BatchStore(database).get(batch.tenant_id, batch.id)[0]


@pytest.fixture
def failing(database: Database, batch: Batch, runs: RunStore, account: Account) -> Batch:
    """It is open, and all of its jobs have failed; what they noted is added up."""
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    for claim in claims(runs, account, 2):
        runs.settle(failed(claim, BROKE, FAILS))
    BatchUpkeep(database).tend(100)
    return batch


def test_an_upkeep_that_dies_on_its_way_to_the_end_leaves_it_to_the_next(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, "a"))
    (claim,) = claims(runs, account, 1)
    BatchStore(database).close(batch.tenant_id, batch.id)
    runs.settle(failed(claim, BROKE, FAILS))

    def break_(_1: object, _2: object, statement: str, *_3: object) -> None:
        if statement.startswith("UPDATE batches"):
            raise ConnectionError

    event.listen(database.engine, "before_cursor_execute", break_)
    with pytest.raises(ConnectionError):
        BatchUpkeep(database).tend(100)
    event.remove(database.engine, "before_cursor_execute", break_)
    assert BatchUpkeep(database).tend(100).finished == [batch.id]


def test_a_priority_of_a_finished_batch_is_in_nobodys_way(
    database: Database, failing: Batch
) -> None:
    store, sweeps = BatchStore(database), BatchSweeps(database)
    store.close(failing.tenant_id, failing.id)
    ended_at = now(database, failing).finished_at
    assert ended_at is not None
    changed = sweeps.set_priority(failing.tenant_id, failing.id, Priority.HIGH)
    assert (changed.priority, changed.sweep, changed.finished_at) == (Priority.HIGH, None, ended_at)
    again = sweeps.retry(failing.tenant_id, failing.id, [State.FAILED])
    assert (again.sweep, again.finished_at) == (Sweep.RETRY, None)
    sweep(database, failing)
    assert states(database, failing) == {"queued": 2}


def test_closed_while_its_jobs_are_put_back_it_goes_on(database: Database, failing: Batch) -> None:
    BatchSweeps(database).retry(failing.tenant_id, failing.id, [State.FAILED])
    assert BatchStore(database).close(failing.tenant_id, failing.id).finished_at is None
    sweep(database, failing)
    assert states(database, failing) == {"queued": 2}
    assert now(database, failing).finished_at is None


def test_it_finishes_where_nothing_could_be_done(database: Database, failing: Batch) -> None:
    """No job moves, so no note of one makes upkeep look."""
    sweeps = BatchSweeps(database)
    sweeps.retry(failing.tenant_id, failing.id, [State.EXPIRED])
    BatchStore(database).close(failing.tenant_id, failing.id)
    part = sweeps.go_on(failing.id)
    assert (part.changed, part.finished) == (0, True)
    assert now(database, failing).finished_at is not None
    assert states(database, failing) == {"failed": 2}


def test_it_goes_on_while_a_job_runs(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    sweeps = BatchSweeps(database)
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    (running,) = claims(runs, account, 1)
    sweeps.cancel(batch.tenant_id, batch.id)
    part = sweeps.go_on(batch.id)
    assert (part.changed, part.finished) == (2, False)
    upkeep = BatchUpkeep(database)
    assert upkeep.tend(100).finished == []
    runs.settle(succeeded(running))
    assert upkeep.tend(100).finished == [batch.id]


def test_it_finishes_though_somebody_changes_it_just_then(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    """The note of its last job is added up once: who sees it then waits for the batch's row."""
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    BatchStore(database).close(batch.tenant_id, batch.id)
    for claim in claims(runs, account, 2):
        BatchUpkeep(database).tend(100)
        runs.settle(succeeded(claim))
    with ThreadPoolExecutor(1) as thread:
        with database.write():
            BatchStore(database).set_budget(batch.tenant_id, batch.id, None)
            tending = thread.submit(BatchUpkeep(database).tend, 100)
            time.sleep(0.5)
        assert tending.result(20).finished == [batch.id]


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_an_empty_one_is_over_at_once(database: Database, batch: Batch, verb: str) -> None:
    sweeps, store = BatchSweeps(database), BatchStore(database)
    if verb == "cancel":
        sweeps.cancel(batch.tenant_id, batch.id)
    else:
        store.close(batch.tenant_id, batch.id)
        sweeps.retry(batch.tenant_id, batch.id, [State.FAILED])
    assert sweeps.begun(10) == []
    assert now(database, batch).finished_at is not None


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_closed_while_its_last_job_ends_it_is_finished(
    database: Database, batch: Batch, runs: RunStore, account: Account
) -> None:
    """SQLite has one writer at a time."""
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, "a"))
    (claim,) = claims(runs, account, 1)
    with ThreadPoolExecutor(1) as thread:
        with database.write():
            # It has counted: a job runs.
            assert BatchStore(database).close(batch.tenant_id, batch.id).finished_at is None
            thread.submit(runs.settle, succeeded(claim)).result(timeout=10)
            tending = thread.submit(BatchUpkeep(database).tend, 100)
            time.sleep(0.3)
        assert tending.result(timeout=10).finished == [batch.id]
