"""The pause that a cancel needs until all jobs are canceled: it is the cancel's own."""

from db.batch_intake import BatchIntake
from db.batch_rows import Batch
from db.batch_sweeps import CANCELING, BatchSweeps
from db.batch_views import BatchViews
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses, Who
from tests.db.a_batch import lines_of, states, sweep

OWNER = Who("a key", is_admin=False)


def paused_by(database: Database, batch: Batch) -> str | None:
    pause = BatchViews(database).see(batch.tenant_id, batch.id).pause
    return None if pause is None else pause.by


def test_it_ends_with_the_cancel(database: Database, batch: Batch) -> None:
    """And one of the batch's owner with it."""
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    HandPauses(database).pause(batch.tenant_id, batch.group, OWNER, "lunch")
    BatchSweeps(database).cancel(batch.tenant_id, batch.id)
    assert paused_by(database, batch) == CANCELING.name
    sweep(database, batch)
    assert states(database, batch) == {"canceled": 2}
    assert paused_by(database, batch) is None


def test_an_operators_pause_stays(database: Database, batch: Batch) -> None:
    BatchIntake(database).take(batch.tenant_id, batch.id, lines_of(batch, *"ab"))
    HandPauses(database).pause(batch.tenant_id, batch.group, OPERATOR, "no paper")
    BatchSweeps(database).cancel(batch.tenant_id, batch.id)
    sweep(database, batch)
    assert states(database, batch) == {"canceled": 2}
    assert paused_by(database, batch) == OPERATOR.name


def test_an_empty_batch_needs_none(database: Database, batch: Batch) -> None:
    BatchSweeps(database).cancel(batch.tenant_id, batch.id)
    assert paused_by(database, batch) is None
