"""What is done to the jobs of one part of a batch (db/batch_sweeps.py), whose rows are locked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, update

from db.among import among
from db.batch_counts import Move, counts_of, note_moves
from db.batch_rows import Batch
from db.budget_books import Books
from db.budget_gate import pass_at
from db.engine import Database
from db.job_rows import outputs_of
from db.queue_room import QueueRoom
from db.tables import jobs
from jobs.batches import Sweep
from jobs.budgets import NOTHING, Period, of_job
from jobs.changing import why_not_retried
from jobs.money import Money
from jobs.retention import Removed, removed_of
from jobs.states import FINAL, WAITING, State


class BatchParts:
    """Changes those jobs of a part with which it can be done as they are now."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)
        self._room = QueueRoom(database)
        self._of_ids = among(database, jobs.c.id, "ids")

    def change(
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
