"""The client's verbs on a batch: open, get, list, close. Its lines: batch_intake.py."""

from uuid import UUID

from sqlalchemy import Connection, insert, select, update

from db.batch_counts import counts_of, counts_of_many
from db.batch_rows import Batch, NewBatch, batch_of
from db.engine import Database
from db.tables import batches
from jobs.batches import BatchState, Counts
from jobs.errors import IllegalMove, NotFound
from jobs.money import Money
from jobs.retention import FOR_EVER, seconds_of


class BatchStore:
    """Batches of all tenants; what a client asks for is asked with its tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewBatch) -> Batch:
        """Open a batch. It takes lines until it is closed."""
        with self._database.write() as connection:
            now = self._database.time(connection)
            row = connection.execute(
                insert(batches)
                .values(
                    id=new.id,
                    tenant_id=new.tenant_id,
                    pool=new.pool,
                    name=new.name,
                    defaults=new.defaults,
                    metadata=new.metadata or {},
                    priority=new.priority.rank,
                    budget=new.budget,
                    stop_after=new.stop_after,
                    keep_outputs=seconds_of(new.keeps.outputs),
                    keep_jobs=seconds_of(new.keeps.jobs),
                    keep_due=None if new.keeps == FOR_EVER else now,
                    state=BatchState.OPEN,
                    created_at=now,
                )
                .returning(batches)
            ).one()
        return batch_of(row)

    def get(self, tenant_id: UUID, batch_id: UUID) -> tuple[Batch, Counts]:
        """The batch, and where its jobs are; raises `NotFound`, also for another tenant's."""
        mine = select(batches).where(batches.c.id == batch_id, batches.c.tenant_id == tenant_id)
        with self._database.read() as connection:
            row = connection.execute(mine).one_or_none()
            if row is None:
                raise no_batch(batch_id)
            return batch_of(row), counts_of(connection, batch_id)

    def page(
        self, tenant_id: UUID, limit: int, below: UUID | None = None
    ) -> list[tuple[Batch, Counts]]:
        """Up to `limit` batches whose ids are less than `below`, newest first."""
        mine = select(batches).where(batches.c.tenant_id == tenant_id)
        if below is not None:
            mine = mine.where(batches.c.id < below)
        with self._database.read() as connection:
            rows = connection.execute(mine.order_by(batches.c.id.desc()).limit(limit)).all()
            counts = counts_of_many(connection, [row.id for row in rows])
        return [(batch_of(row), counts.get(row.id, Counts({}))) for row in rows]

    def close(self, tenant_id: UUID, batch_id: UUID) -> Batch:
        """Let it take no more lines. Closed again, nothing changes. Raises `NotFound`, and
        `IllegalMove` for one that was canceled.
        """
        with self._database.write() as connection:
            batch = locked(connection, tenant_id, batch_id)
            if batch.state is BatchState.CANCELED:
                raise IllegalMove("the batch was canceled", batch.state)
            if batch.state is BatchState.CLOSED:
                return batch
            now = self._database.time(connection)
            row = connection.execute(
                update(batches)
                .where(batches.c.id == batch_id, batches.c.state == BatchState.OPEN)
                .values(state=BatchState.CLOSED, closed_at=now)
                .returning(batches)
            ).one()
            return finish(self._database, connection, batch_of(row))

    def set_budget(self, tenant_id: UUID, batch_id: UUID, budget: Money | None) -> Batch:
        """What its jobs may cost together, from the next line or retry on. Raises `NotFound`."""
        with self._database.write() as connection:
            locked(connection, tenant_id, batch_id)
            row = connection.execute(
                update(batches)
                .where(batches.c.id == batch_id)
                .values(budget=budget)
                .returning(batches)
            ).one()
        return batch_of(row)


_LOCKED = select(batches).with_for_update()


def locked(connection: Connection, tenant_id: UUID, batch_id: UUID) -> Batch:
    """The batch, which nobody else changes or adds lines to until the commit; raises `NotFound`."""
    mine = _LOCKED.where(batches.c.id == batch_id, batches.c.tenant_id == tenant_id)
    row = connection.execute(mine).one_or_none()
    if row is None:
        raise no_batch(batch_id)
    return batch_of(row)


def is_over(batch: Batch, counts: Counts) -> bool:
    """Whether it takes no more lines, nothing is being done to all its jobs, and none is to come."""
    return batch.state is not BatchState.OPEN and batch.sweep is None and not counts.to_come.jobs


def finish(database: Database, connection: Connection, batch: Batch) -> Batch:
    """The batch, which is locked, as it is when its end is noted, if it is over.

    Whoever takes away what it still went on for asks: nobody comes by later.
    """
    if batch.finished_at is not None or not is_over(batch, counts_of(connection, batch.id)):
        return batch
    row = connection.execute(
        update(batches)
        .where(batches.c.id == batch.id)
        .values(finished_at=database.time(connection))
        .returning(batches)
    ).one()
    return batch_of(row)


def no_batch(batch_id: UUID) -> NotFound:
    return NotFound(f"there is no batch {batch_id}")
