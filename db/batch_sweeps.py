"""What is done to all jobs of a batch: cancel, a new priority, a new try. In parts, by upkeep.

A batch may have a million jobs, and one commit of them would hold up everybody. The wish is kept on
the batch's row with the place up to which it has been carried out; whoever takes the next part locks
the row. Two upkeeps at once take turns, and one that dies leaves a part undone that the next one
does: each part looks at the jobs as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, case, select, update

from db.among import among
from db.batch_counts import Move, counts_of, note_moves
from db.batch_rows import GOES_ON_AGAIN, Batch, batch_of
from db.batches import finish, locked
from db.budget_books import Books
from db.budget_gate import pass_at
from db.engine import Database
from db.hand_pauses import HandPauses, Who
from db.job_rows import outputs_of
from db.queue_room import QueueRoom
from db.tables import batch_lines, batches, jobs
from jobs.batches import BatchState, Sweep
from jobs.budgets import NOTHING, Period, of_job
from jobs.changing import why_not_retried
from jobs.errors import IllegalMove
from jobs.money import Money
from jobs.retention import Removed, removed_of
from jobs.states import FINAL, WAITING, Priority, State

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
        self._books = Books(database)
        self._room = QueueRoom(database)
        self._pauses = HandPauses(database)
        self._lock_jobs = (
            select(jobs)
            .where(among(database, jobs.c.id, "ids"))
            .order_by(jobs.c.id)
            .with_for_update()
        )
        self._of_ids = among(database, jobs.c.id, "ids")

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
            self._pauses.pause(tenant_id, batch.group, CANCELING, "it is being canceled")
            now = self._database.time(connection)
            return self._begin(
                connection,
                batch,
                Sweep.CANCEL if batch.jobs else None,
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
            changed, whole = self._change(connection, batch_of(now), jobs_here)
            over = to >= now.jobs or not whole
            after = connection.execute(
                update(batches)
                .where(batches.c.id == batch_id, batches.c.sweep == batch.sweep)
                .values(swept=to, sweep=None if over else batch.sweep)
                .returning(batches)
            ).one()
            if over and batch.sweep is Sweep.CANCEL:
                self._pauses.resume(batch.tenant_id, batch.group, CANCELING)
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

    def _change(
        self, connection: Connection, batch: Batch, rows: Sequence[Row[Any]]
    ) -> tuple[int, bool]:
        """How many were changed, and whether all that could be: not where room or money ran out."""
        match batch.sweep:
            case Sweep.CANCEL:
                return self._cancel(connection, batch, rows), True
            case Sweep.PRIORITY:
                return self._prioritize(connection, batch, rows), True
            case Sweep.RETRY:
                return self._retry(connection, batch, rows)
            case None:
                return 0, True

    def _cancel(self, connection: Connection, batch: Batch, rows: Sequence[Row[Any]]) -> int:
        """Waiting ones end; the others' calls are let finish, as with one job."""
        now = pass_at(self._database, connection)
        goes_on = [
            row for row in rows if row.state not in FINAL and row.cancel_requested_at is None
        ]
        waiting = [row for row in rows if row.state in WAITING]
        self._set(connection, goes_on, {"cancel_requested_at": now})
        self._move(
            connection,
            waiting,
            {"state": State.CANCELED, "finished_at": now, "held_for": None},
        )
        books = self._books.open(connection, now, [batch.tenant_id], (Period.TOTAL,))
        for row in waiting:
            held = of_job(State(row.state), row.held_for, row.estimate)
            books.add_job(batch.tenant_id, NOTHING - held)
        books.write(connection)
        return len(goes_on)

    def _prioritize(self, connection: Connection, batch: Batch, rows: Sequence[Row[Any]]) -> int:
        rank = batch.priority.rank
        others = [row for row in rows if row.state in WAITING and row.priority != rank]
        self._set(connection, others, {"priority": rank})
        return len(others)

    def _retry(
        self, connection: Connection, batch: Batch, rows: Sequence[Row[Any]]
    ) -> tuple[int, bool]:
        now = pass_at(self._database, connection)
        asked = [row for row in rows if row.state in batch.sweep_states]
        made = outputs_of(self._database, connection, [row.id for row in asked])
        wanted = [
            row
            for row in asked
            if why_not_retried(
                State(row.state),
                has_outputs=row.id in made,
                removed=removed_of(row.outputs_removed_at, row.data_removed_at),
            )
            is None
        ]
        rooms = self._room.open(connection, {batch.tenant_id: len(wanted)}, now)
        books = self._books.open(connection, now, [batch.tenant_id], (Period.TOTAL,))
        room = rooms.get(batch.tenant_id)
        committed = counts_of(connection, batch.id).committed
        fitting = []
        for row in wanted:
            price = Money(row.estimate)
            covered = batch.budget is None or committed + price <= batch.budget
            if (room is not None and room.left <= 0) or not covered:
                break
            if books.admit_job(batch.tenant_id, price) is not None:
                break
            if room is not None:
                room.left -= 1
            committed = Money(committed + price)
            fitting.append(row)
        self._move(connection, fitting, _again(now))
        self._room.write(connection, rooms)
        books.write(connection)
        return len(fitting), len(fitting) == len(wanted)

    def _set(
        self, connection: Connection, rows: Sequence[Row[Any]], values: dict[str, Any]
    ) -> None:
        if rows:
            ids = [row.id for row in rows]
            connection.execute(update(jobs).where(self._of_ids).values(values), {"ids": ids})

    def _move(
        self, connection: Connection, rows: Sequence[Row[Any]], values: dict[str, Any]
    ) -> None:
        """Their rows are locked; conditional once more, as every move."""
        if not rows:
            return
        leaving = sorted({row.state for row in rows})
        moved = connection.execute(
            update(jobs).where(self._of_ids, jobs.c.state.in_(leaving)).values(values),
            {"ids": [row.id for row in rows]},
        )
        if moved.rowcount != len(rows):
            raise RuntimeError(f"moved {moved.rowcount} of {len(rows)} locked jobs")
        becomes: dict[str, Any] = {
            name: values[name] for name in ("state", "error") if name in values
        }
        note_moves(connection, (Move(one, becomes) for one in rows))


def _again(now: datetime) -> dict[str, Any]:
    """What `JobChanges.retry` makes of one job."""
    tried_out = jobs.c.max_attempts <= jobs.c.attempts
    return {
        "state": State.QUEUED,
        "held_for": None,
        "run_at": None,
        **{one.name: case((one > now, one)) for one in (jobs.c.start_by, jobs.c.finish_by)},
        "max_attempts": case((tried_out, jobs.c.attempts + 1), else_=jobs.c.max_attempts),
        "error": None,
        "cancel_requested_at": None,
        "cancel_drops": False,
        "finished_at": None,
        "removed": Removed.NOTHING,
    }


def _must_be_idle(batch: Batch, wish: Sweep) -> None:
    if batch.sweep not in {None, wish}:
        raise IllegalMove(
            f"{batch.sweep} is being carried out on the batch's jobs: ask again when that is done",
            batch.state,
        )
