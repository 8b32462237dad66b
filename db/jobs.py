"""The client's verbs on a job: add, get; and upkeep's: release, expire. Changes: job_changes.py."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from db.among import among
from db.batch_counts import Move, note_added, note_moves
from db.budget_books import Books
from db.budget_gate import pass_at
from db.claimable import claimable
from db.engine import Database
from db.job_doubts import doubts_of
from db.job_rows import job_of, outputs_of
from db.job_tags import tag
from db.job_uploads import HeldUploads, refer
from db.new_jobs import let_in, row_of_new
from db.queue_room import QueueRoom
from db.rows import Job, NewJob
from db.tables import jobs
from jobs.budgets import NOTHING, Period, of_job
from jobs.errors import NotFound, Refusal
from jobs.settling import expired
from jobs.states import FINAL, WAITING, State


class JobStore:
    """Jobs of all tenants; what a client asks for is asked with its tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)
        self._room = QueueRoom(database)
        self._uploads = HeldUploads(database)
        self._of_ids = select(jobs).where(among(database, jobs.c.id, "ids"))

    def add(self, new: NewJob) -> Job:
        """Keep a job durably: `scheduled` when its `run_at` is still to come, else `queued`.

        Raises `TooManyQueued`, `BudgetExceeded` where a budget of its tenant does not cover it, and
        `InvalidInput` where an uploaded image that it refers to is not kept any more.
        """
        return self.add_many([new])[0]

    def add_many(self, new: Sequence[NewJob]) -> list[Job]:
        """Keep jobs durably in one commit, all or none; gives them in the same order.

        Raises as `add` does where one of them is refused.
        """
        with self._database.write(savepoint=False):
            added = []
            for job in self.add_each(new):
                if not isinstance(job, Job):
                    raise job
                added.append(job)
        return added

    def add_each(self, new: Sequence[NewJob]) -> list[Job | Refusal]:
        """Keep those that fit into their tenants' queues and budgets, the first of them first, in
        one commit.

        The refusal stands in the place of each other one. Any other trouble keeps none of them.
        """
        if not new:
            return []
        with self._database.write(savepoint=False) as connection:
            lacking = self._uploads.hold(connection, new)
            now = pass_at(self._database, connection)
            wanted = Counter(one.tenant_id for one in new)
            # Queues before budgets, as everywhere (docs/architecture.md): two that each wait for
            # the other's row would be a deadlock.
            rooms = self._room.open(connection, wanted, now)
            books = self._books.open(connection, now, wanted, (Period.TOTAL,))
            found = list(let_in(new, rooms, books, now, lacking))
            added = [job for job in found if isinstance(job, Job)]
            if added:
                connection.execute(insert(jobs), [row_of_new(job) for job in added])
                tag(connection, added)
                note_added(connection, added)
                refer(connection, added)
            self._room.write(connection, rooms)
            books.write(connection)
        return found

    def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """The job with its outputs; raises `NotFound`, also for another tenant's."""
        job = self.get_many([(tenant_id, job_id)])[0]
        if job is None:
            raise no_job(job_id)
        return job

    def get_many(self, wanted: Sequence[tuple[UUID, UUID]]) -> list[Job | None]:
        """The jobs of these tenants and ids, in the same order; None where `get` raises."""
        with self._database.read() as connection:
            rows = connection.execute(self._of_ids, {"ids": [job_id for _, job_id in wanted]}).all()
            final = [row.id for row in rows if row.state in FINAL]
            of_jobs = outputs_of(self._database, connection, final)
            doubts = doubts_of(self._database, connection, rows)
        # By tenant too: whose job it is decides who may see it.
        found = {
            (row.tenant_id, row.id): job_of(row, of_jobs.get(row.id, ()), doubts.get(row.id))
            for row in rows
        }
        return [found.get(one) for one in wanted]

    def release_due(self, limit: int) -> list[UUID]:
        """Move up to `limit` scheduled jobs whose time has come into the queue."""
        with self._database.write() as connection:
            # As a value: compared with the clock itself, which moves, no index would serve.
            now = self._database.time(connection)
            due = (
                select(jobs.c.id)
                .where(literal_column("state = 'scheduled'"), jobs.c.run_at <= now)
                .order_by(jobs.c.run_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            released = connection.execute(
                update(jobs)
                .where(jobs.c.id.in_(due), jobs.c.state == State.SCHEDULED)
                .values(state=State.QUEUED)
                .returning(jobs.c.id, jobs.c.batch_id, jobs.c.cost, jobs.c.estimate)
            ).all()
            note_moves(
                connection,
                (
                    Move(row, {"state": State.QUEUED}, was={"state": State.SCHEDULED})
                    for row in released
                ),
            )
            return [row.id for row in released]

    def expire(self, limit: int) -> list[UUID]:
        """End waiting jobs, up to `limit` each, that missed their `start_by` or `finish_by`."""
        ended: list[Any] = []
        with self._database.write() as connection:
            now = pass_at(self._database, connection)
            # One statement for each partial index; with both bounds in one, neither would serve.
            for too_late, message in (
                (_unstarted_in_time(now), "its start_by passed before it started"),
                (_unfinished_in_time(now), "its finish_by passed while it waited"),
            ):
                late = connection.execute(
                    select(
                        jobs.c.id,
                        jobs.c.tenant_id,
                        jobs.c.state,
                        jobs.c.held_for,
                        jobs.c.estimate,
                        jobs.c.batch_id,
                        jobs.c.cost,
                    )
                    .where(literal_column("state IN ('scheduled', 'queued')"), too_late)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                ).all()
                if late:
                    becomes = {"state": State.EXPIRED, "error": expired(message)}
                    connection.execute(
                        update(jobs)
                        .where(among(self._database, jobs.c.id, "ids"), jobs.c.state.in_(WAITING))
                        .values(
                            finished_at=now,
                            held_for=None,
                            **becomes,
                        ),
                        {"ids": [row.id for row in late]},
                    )
                    note_moves(
                        connection,
                        (Move(row, becomes) for row in late),
                    )
                ended += late
            self._give_back(connection, ended, now)
        return [row.id for row in ended]

    def _give_back(self, connection: Connection, ended: Sequence[Any], now: datetime) -> None:
        """What waiting jobs held; once for all of them, so that budgets are locked in one order."""
        tenants = {row.tenant_id for row in ended}
        books = self._books.open(connection, now, tenants, (Period.TOTAL,))
        for row in ended:
            held = of_job(State(row.state), row.held_for, row.estimate)
            books.add_job(row.tenant_id, NOTHING - held)
        books.write(connection)

    def waiting(self, pool: str, limit: int) -> int:
        """How many jobs of the pool may be claimed, counted up to `limit`: those that are queued,
        not held, and of nobody who is left out or at a cap.
        """
        with self._database.read() as connection:
            return claimable(connection, pool, limit)


def too_late(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a waiting job may not be started any more."""
    return or_(
        func.coalesce(_unstarted_in_time(now), false()),
        func.coalesce(_unfinished_in_time(now), false()),
    )


def _unstarted_in_time(now: ColumnElement[datetime] | datetime) -> ColumnElement[bool]:
    """`start_by` bounds the first start only."""
    return and_(jobs.c.start_by <= now, jobs.c.started_at.is_(None))


def _unfinished_in_time(now: ColumnElement[datetime] | datetime) -> ColumnElement[bool]:
    return jobs.c.finish_by <= now


def no_job(job_id: UUID) -> NotFound:
    return NotFound(f"there is no job {job_id}")
