"""Whether the budget of a batch covers a job that is to be called for once more.

Its lines were admitted one by one (db/batch_intake.py), each at its estimate. A call that failed and
was paid leaves less than that for the next one.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from db.batch_counts import counts_of
from db.batch_rows import GOES_ON_AGAIN
from db.tables import batches
from jobs.batches import BatchState
from jobs.errors import BatchBudgetExceeded
from jobs.money import Money


def covered(connection: Connection, wanted: Sequence[tuple[UUID, Money]]) -> list[bool]:
    """Of jobs that run, each by its batch and what its call has just cost: whether the batch covers
    another call of it. Their batches are locked; their jobs are, by whoever asks.
    """
    left = {
        batch_id: _left(connection, batch_id) for batch_id in sorted({one for one, _ in wanted})
    }
    found: list[bool] = []
    for batch_id, paid in wanted:
        rest = left[batch_id]
        # What the call might cost was counted; now it is what it did cost, and the next one.
        fits = rest is None or paid <= rest
        if fits and rest is not None:
            left[batch_id] = Money(rest - paid)
        found.append(fits)
    return found


def take_back(connection: Connection, batch_id: UUID, estimate: Money) -> None:
    """Let a job of the batch that has ended be called for again: the batch goes on.

    Raises `BatchBudgetExceeded`. The job is locked by whoever asks.
    """
    batch = _locked(connection, batch_id)
    if batch.budget is not None:
        committed = counts_of(connection, batch_id).committed
        if committed + estimate > batch.budget:
            raise BatchBudgetExceeded(Money(batch.budget), committed, estimate)
    closed = BatchState.CLOSED if batch.state == BatchState.CANCELED else batch.state
    connection.execute(
        update(batches).where(batches.c.id == batch_id).values(**GOES_ON_AGAIN, state=closed)
    )


def _left(connection: Connection, batch_id: UUID) -> Money | None:
    """What may still be reserved; None: there is no bound."""
    batch = _locked(connection, batch_id)
    if batch.budget is None:
        return None
    return Money(batch.budget - counts_of(connection, batch_id).committed)


def _locked(connection: Connection, batch_id: UUID) -> Row[Any]:
    return connection.execute(
        select(batches).where(batches.c.id == batch_id).with_for_update()
    ).one()
