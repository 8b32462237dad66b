"""What is done to all jobs of a batch: cancel, a new priority, a new try. In parts, by upkeep.

A batch may have a million jobs, and one commit of them would hold up everybody. The wish is kept on
the batch's row with the place up to which it has been carried out; whoever takes the next part locks
the row. Two upkeeps at once take turns, and one that dies leaves a part undone that the next one
does: each part looks at the jobs as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from db.among import among
from db.batch_counts import counts_of
from db.batch_parts import BatchParts
from db.batch_rows import GOES_ON_AGAIN, Batch, batch_of
from db.batches import finish, locked
from db.engine import Database
from db.hand_pauses import HandPauses, Who
from db.tables import batch_lines, batches, jobs
from jobs.batches import BatchState, Sweep
from jobs.errors import IllegalMove
from jobs.states import Priority, State

PART = 1_000
"""Jobs in one commit."""
CANCELING = Who("the cancel of the batch", is_admin=True)
"""Who pauses its jobs until all of them are canceled."""


@dataclass(frozen=True)
class Swept:
    """What a part came to: how many jobs were changed, and whether the batch finished with it."""

    changed: int
    finished: bool = False


class BatchSweeps:
    """Begins them and carries them out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pauses = HandPauses(database)
        self._parts = BatchParts(database)
        self._lock_jobs = (
            select(jobs)
            .where(among(database, jobs.c.id, "ids"))
            .order_by(jobs.c.id)
            .with_for_update()
        )

    def cancel(self, tenant_id: UUID, batch_id: UUID) -> Batch:
        """Let it take no more lines and make no more calls: from this commit on none is claimed.

        Canceled again, nothing changes. Raises `NotFound`, and `IllegalMove` for one that is
        finished.
        """
        with self._database.write() as connection:
            batch = locked(connection, tenant_id, batch_id)
            if batch.state is BatchState.CANCELED:
                return batch
            if batch.finished_at is not None:
                raise IllegalMove("all jobs of the batch have ended", batch.state)
            some = counts_of(connection, batch.id).to_come.jobs
            if some:
                self._pauses.pause(tenant_id, batch.group, CANCELING, "it is being canceled")
            now = self._database.time(connection)
            return self._begin(
                connection,
                batch,
                Sweep.CANCEL if some else None,
                state=BatchState.CANCELED,
                closed_at=batch.closed_at or now,
            )

    def set_priority(self, tenant_id: UUID, batch_id: UUID, priority: Priority) -> Batch:
        """Give it to all its waiting jobs, and to those that come. Raises `NotFound`, and
        `IllegalMove` while something else is being done to all of them.
        """
        with self._database.write() as connection:
            batch = locked(connection, tenant_id, batch_id)
            _must_be_idle(batch, Sweep.PRIORITY)
            some = counts_of(connection, batch.id).to_come.jobs
            sweep = Sweep.PRIORITY if some else None
            return self._begin(connection, batch, sweep, priority=priority.rank)

    def retry(self, tenant_id: UUID, batch_id: UUID, states: Sequence[State]) -> Batch:
        """Queue those of its jobs again that ended so, without images, while queue and budgets have
        room. Raises `NotFound`, and `IllegalMove` while something else is being done to all of them.
        """
        with self._database.write() as connection:
            batch = locked(connection, tenant_id, batch_id)
            _must_be_idle(batch, Sweep.RETRY)
            goes_on = BatchState.CLOSED if batch.state is BatchState.CANCELED else batch.state
            return self._begin(
                connection,
                batch,
                Sweep.RETRY if batch.jobs else None,
                state=goes_on,
                **GOES_ON_AGAIN,
                sweep_states=[str(one) for one in states],
                # Those stop it no more, however many are put back.
                failed_before=counts_of(connection, batch.id).of(State.FAILED).jobs,
            )

    def begun(self, limit: int) -> list[UUID]:
        """Batches to whose jobs something is being done, the oldest first."""
        mine = select(batches.c.id).where(
            batches.c.finished_at.is_(None), batches.c.sweep.is_not(None)
        )
        with self._database.read() as connection:
            return list(connection.scalars(mine.order_by(batches.c.id).limit(limit)))

    def go_on(self, batch_id: UUID) -> Swept:
        """Do it to the next part of its jobs. The last part ends it, and may end the batch."""
        mine = select(batches).where(batches.c.id == batch_id)
        with self._database.write() as connection:
            row = connection.execute(mine).one()
            if row.sweep is None:
                return Swept(0)
            batch = batch_of(row)
            to = batch.swept + PART
            jobs_here = self._locked_jobs(connection, batch, to)
            # After its jobs, as settles lock them.
            now = connection.execute(mine.with_for_update()).one()
            if (now.sweep, now.swept) != (row.sweep, row.swept):
                return Swept(0)  # somebody was quicker, or wants something else
            last = to >= now.jobs
            if last and batch.sweep is Sweep.CANCEL:
                # Its tenant's row before its budget's, which the part locks; in one commit with it.
                self._pauses.end_own(batch.tenant_id, batch.group, CANCELING)
            changed, whole = self._parts.change(connection, batch_of(now), jobs_here)
            over = last or not whole
            after = connection.execute(
                update(batches)
                .where(batches.c.id == batch_id, batches.c.sweep == batch.sweep)
                .values(swept=to, sweep=None if over else batch.sweep)
                .returning(batches)
            ).one()
            # Here, for where it has changed no job no note of one tells upkeep to look.
            ended = finish(self._database, connection, batch_of(after))
            return Swept(changed, ended.finished_at is not None)

    def _begin(
        self, connection: Connection, batch: Batch, sweep: Sweep | None, **values: Any
    ) -> Batch:
        """`sweep`: None where there is no job to do it to."""
        row = connection.execute(
            update(batches)
            .where(batches.c.id == batch.id, batches.c.state == batch.state)
            .values(sweep=sweep, swept=0, **values)
            .returning(batches)
        ).one()
        return finish(self._database, connection, batch_of(row))

    def _locked_jobs(self, connection: Connection, batch: Batch, to: int) -> Sequence[Row[Any]]:
        here = select(batch_lines.c.job_id).where(
            batch_lines.c.batch_id == batch.id,
            batch_lines.c.position >= batch.swept,
            batch_lines.c.position < to,
        )
        ids = list(connection.scalars(here))
        return connection.execute(self._lock_jobs, {"ids": ids}).all() if ids else []


def _must_be_idle(batch: Batch, wish: Sweep) -> None:
    if batch.sweep not in {None, wish}:
        raise IllegalMove(
            f"{batch.sweep} is being carried out on the batch's jobs: ask again when that is done",
            batch.state,
        )
