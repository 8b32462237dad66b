"""When a batch pauses since too many of its jobs have failed, and when it does so again."""

from uuid import UUID

import pytest

from db.account_values import Account
from db.batch_intake import BatchIntake
from db.batch_rows import Batch, NewBatch
from db.batch_sweeps import PART, BatchSweeps
from db.batch_upkeep import STOPPER, BatchUpkeep
from db.batch_views import BatchViews
from db.batches import BatchStore
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses, Who
from db.job_changes import JobChanges
from db.runs import RunStore
from jobs.states import State
from tests.db.a_batch import BROKE, FAILS, claims, lines_of
from tests.db.conftest import failed

OWNER = Who("a key", is_admin=False)


class Stopping:
    """A batch that stops after three of its jobs have failed."""

    def __init__(self, database: Database, tenant: UUID, runs: RunStore, account: Account) -> None:
        new = NewBatch(tenant, "segmind", "one", {}, stop_after=3)
        self.batch: Batch = BatchStore(database).add(new)
        self._database, self._runs, self._account = database, runs, account

    def fill(self, count: int) -> None:
        lines = lines_of(self.batch, *(f"n{n}" for n in range(count)))
        assert BatchIntake(self._database).take(*self._place, lines).accepted == count

    def fail(self, count: int) -> list[UUID]:
        """So many more of its jobs; their ids."""
        found = claims(self._runs, self._account, count)
        assert len(found) == count
        self._runs.settle_many([failed(one, BROKE, FAILS) for one in found])
        return [one.job.id for one in found]

    def tend(self) -> list[int]:
        """How many had failed when it stopped, if it did."""
        return [failed for _, failed in BatchUpkeep(self._database).tend(10_000).stopped]

    def resume(self) -> None:
        assert HandPauses(self._database).resume(self._place[0], self.batch.group, OWNER)

    def paused_by(self) -> str | None:
        pause = BatchViews(self._database).see(*self._place).pause
        return None if pause is None else pause.by

    @property
    def _place(self) -> tuple[UUID, UUID]:
        return self.batch.tenant_id, self.batch.id


@pytest.fixture
def stopping(database: Database, tenant: UUID, runs: RunStore, account: Account) -> Stopping:
    return Stopping(database, tenant, runs, account)


def test_those_that_are_put_back_stop_it_only_when_they_fail_again(
    database: Database, stopping: Stopping
) -> None:
    """Upkeep looks after every part of them."""
    batch, sweeps = stopping.batch, BatchSweeps(database)
    stopping.fill(PART + 10)
    stopping.fail(PART + 10)
    assert stopping.tend() == [PART + 10]
    stopping.resume()
    sweeps.retry(batch.tenant_id, batch.id, [State.FAILED])
    for _ in range(2):
        assert stopping.tend() == []
        sweeps.go_on(batch.id)
    assert (sweeps.begun(1), stopping.tend(), stopping.paused_by()) == ([], [], None)
    stopping.fail(2)
    assert stopping.tend() == []
    stopping.fail(1)
    assert (stopping.tend(), stopping.paused_by()) == ([3], STOPPER.name)


def test_a_retry_of_others_does_not_stop_it_for_those_that_had_failed(
    database: Database, stopping: Stopping
) -> None:
    batch, sweeps = stopping.batch, BatchSweeps(database)
    stopping.fill(10)
    stopping.fail(4)
    assert stopping.tend() == [4]
    stopping.resume()
    sweeps.retry(batch.tenant_id, batch.id, [State.EXPIRED])
    sweeps.go_on(batch.id)
    stopping.fail(2)
    assert stopping.tend() == []
    stopping.fail(1)
    assert stopping.tend() == [7]


def test_one_that_is_run_again_counts_when_it_fails_again(
    database: Database, stopping: Stopping
) -> None:
    stopping.fill(10)
    ids = stopping.fail(5)
    assert stopping.tend() == [5]
    stopping.resume()
    for one in ids:
        JobChanges(database).retry(stopping.batch.tenant_id, one)
    assert stopping.tend() == []
    stopping.fail(3)
    assert stopping.tend() == [3]


@pytest.mark.parametrize("who", [OWNER, OPERATOR], ids=["owner", "operator"])
def test_paused_by_somebody_it_stops_when_he_has_let_it_go_on(
    database: Database, stopping: Stopping, runs: RunStore, account: Account, who: Who
) -> None:
    batch, pauses = stopping.batch, HandPauses(database)
    stopping.fill(10)
    under_way = claims(runs, account, 3)
    pauses.pause(batch.tenant_id, batch.group, who, "lunch")
    runs.settle_many([failed(one, BROKE, FAILS) for one in under_way])
    assert (stopping.tend(), stopping.paused_by()) == ([], who.name)
    pauses.resume(batch.tenant_id, batch.group, who)
    claims(runs, account, 1)
    assert (stopping.tend(), stopping.paused_by()) == ([3], STOPPER.name)


def test_what_fails_while_it_stops_is_forgiven_with_the_rest(
    stopping: Stopping, runs: RunStore, account: Account
) -> None:
    """Calls that had left when it stopped."""
    stopping.fill(10)
    under_way = claims(runs, account, 3)
    stopping.fail(3)
    assert stopping.tend() == [3]
    runs.settle_many([failed(one, BROKE, FAILS) for one in under_way])
    stopping.tend()
    stopping.resume()
    stopping.fail(2)
    assert (stopping.tend(), stopping.paused_by()) == ([], None)
