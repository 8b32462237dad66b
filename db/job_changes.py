"""The client's verbs on a job that is there: change, cancel, retry."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from sqlalchemy import Connection, Row, or_, select, update

from db.batch_budgets import take_back
from db.batch_counts import Move, note_moves
from db.budget_books import Books
from db.budget_gate import pass_at
from db.engine import Database
from db.job_doubts import doubts_of
from db.job_rows import job_of, outputs_of
from db.job_tags import tag, untag
from db.queue_room import QueueRoom
from db.rows import Job, Output
from db.tables import attempts, jobs
from jobs.budgets import NOTHING, Period, of_job
from jobs.changing import OF_DOUBTS, why_not_canceled, why_not_changed, why_not_retried
from jobs.doubts import OnDoubt
from jobs.errors import BudgetExceeded, IllegalMove, NotFound
from jobs.retention import Removed
from jobs.states import FINAL, WAITING, Priority, State


class JobChange(TypedDict, total=False):
    """What is to change of a job; a member that is not there stays."""

    priority: Priority
    group: str
    tags: tuple[str, ...]
    start_by: datetime | None
    finish_by: datetime | None
    on_doubt: OnDoubt
    doubt_deadline: datetime | None


class JobChanges:
    """Each verb locks the job's row first: between two looks a worker could move the job."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)
        self._room = QueueRoom(database)

    def change(
        self,
        tenant_id: UUID,
        job_id: UUID,
        change: JobChange,
        check: Callable[[JobChange, Job], None],
    ) -> Job:
        """Change a job that waits, or how the doubt ends of one that is in doubt.

        Raises `NotFound`, `IllegalMove` where its state does not allow that, and what `check`
        raises of the change and the job as it is now. A claim sees the job either before or after
        the whole change; before it, this raises.
        """
        with self._database.write() as connection:
            job = self._locked(connection, tenant_id, job_id)
            _refuse(why_not_changed(job.state, change), job)
            if job.batch_id is not None and "group" in change:
                # Out of it, no pause and no cancel of the batch would hold it.
                raise IllegalMove("the job is of a batch, which is its group for good", job.state)
            check(change, job)
            values: dict[str, Any] = {**change}
            if "priority" in change:
                values["priority"] = change["priority"].rank
            if "group" in change:
                values["group_name"] = values.pop("group")
            if "tags" in change:
                values["tags"] = list(change["tags"])
                untag(connection, job_id)
                tag(connection, [replace(job, tags=change["tags"])])
            changed = self._update(connection, job, values) if values else job
        if job.doubt is not None and not values.keys().isdisjoint(OF_DOUBTS):
            return self._look_now(changed)
        return changed

    def cancel(self, tenant_id: UUID, job_id: UUID, *, drops: bool | None = None) -> Job:
        """End a waiting job at once; ask any other that is under way to end when its call has.

        `drops`: whether the image of a call that is under way is dropped; None leaves what was
        said before, and to begin with the image is kept. One in doubt keeps the wish: it is not
        sent again. Canceled again, nothing else changes. Raises `NotFound`, and `IllegalMove` where
        the job has ended otherwise.
        """
        with self._database.write() as connection:
            job = self._locked(connection, tenant_id, job_id)
            _refuse(why_not_canceled(job.state), job)
            if job.state in FINAL:
                return job
            now = pass_at(self._database, connection)
            values: dict[str, Any] = {}
            if job.cancel_requested_at is None:
                values["cancel_requested_at"] = now
            if job.state in WAITING:
                # No call is under way that could bring an image.
                values |= {"state": State.CANCELED, "finished_at": now, "held_for": None}
                self._give_back(connection, job, now)
            elif drops is not None and drops is not job.cancel_drops:
                values["cancel_drops"] = drops
            return self._update(connection, job, values) if values else job

    def retry(self, tenant_id: UUID, job_id: UUID) -> Job:
        """Queue a job again that ended without images, or one that is scheduled before its time.

        One more attempt is allowed at the least. Bounds that have passed are dropped, for the job
        would expire again; what was spent stays booked. Raises `NotFound`, `IllegalMove`,
        `TooManyQueued` for one that has ended, and `BudgetExceeded` or `BatchBudgetExceeded` where
        the tenant's or its batch's budget does not cover another call.
        """
        with self._database.write() as connection:
            job = self._locked(connection, tenant_id, job_id)
            why_not = why_not_retried(job.state, has_outputs=bool(job.outputs), removed=job.removed)
            _refuse(why_not, job)
            now = pass_at(self._database, connection)
            if job.state in FINAL:
                if job.batch_id is not None:
                    take_back(connection, job.batch_id, job.estimate)
                self._room.take_one(connection, tenant_id, now)
            self._reserve(connection, job, now)
            # `number` stays: the next claim counts on from it, so that whatever an earlier
            # attempt's worker still brings is fenced off, and names no file of the next one.
            return self._update(
                connection,
                job,
                {
                    "state": State.QUEUED,
                    "held_for": None,
                    "run_at": None,
                    "start_by": _if_to_come(job.start_by, now),
                    "finish_by": _if_to_come(job.finish_by, now),
                    "max_attempts": min(max(job.max_attempts, job.attempts + 1), 2**15 - 1),
                    "error": None,
                    "cancel_requested_at": None,
                    "cancel_drops": False,
                    "finished_at": None,
                    "removed": Removed.NOTHING,
                },
            )

    def _reserve(self, connection: Connection, job: Job, now: datetime) -> None:
        """For its next call, unless the job holds that already."""
        if of_job(job.state, job.held_for, job.estimate) != NOTHING:
            return
        books = self._books.open(connection, now, [job.tenant_id], (Period.TOTAL,))
        short = books.admit_job(job.tenant_id, job.estimate)
        if short is not None:
            raise BudgetExceeded(short, job.estimate)
        books.write(connection)

    def _give_back(self, connection: Connection, job: Job, now: datetime) -> None:
        books = self._books.open(connection, now, [job.tenant_id], (Period.TOTAL,))
        books.add_job(job.tenant_id, NOTHING - of_job(job.state, job.held_for, job.estimate))
        books.write(connection)

    def _locked(self, connection: Connection, tenant_id: UUID, job_id: UUID) -> Job:
        row = connection.execute(
            select(jobs).where(jobs.c.id == job_id, jobs.c.tenant_id == tenant_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no job {job_id}")
        ended = [job_id] if row.state in FINAL else []
        made = outputs_of(self._database, connection, ended)
        return self._job(connection, row, made.get(job_id, ()))

    def _job(self, connection: Connection, row: Row[Any], made: tuple[Output, ...]) -> Job:
        return job_of(row, made, doubts_of(self._database, connection, [row]).get(row.id))

    def _look_now(self, job: Job) -> Job:
        """The next look may be an hour away, and there a doubt ends by policy or deadline.

        A commit of its own: settles lock an attempt before its job, and would wait for this one
        as it for them.
        """
        looks = attempts.c.next_look_at
        with self._database.write() as connection:
            now = self._database.time(connection)
            connection.execute(
                update(attempts)
                .where(
                    attempts.c.job_id == job.id,
                    attempts.c.number == job.number,
                    attempts.c.finished_at.is_(None),
                    or_(looks.is_(None), looks > now),
                )
                .values(next_look_at=now)
            )
        return replace(job, doubt=job.doubt and replace(job.doubt, next_look_at=now))

    def _update(self, connection: Connection, job: Job, values: Mapping[str, Any]) -> Job:
        row = connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state == job.state)
            .values(values)
            .returning(jobs)
        ).one()
        note_moves(connection, [Move(job, {"state": row.state, "error": row.error})])
        return self._job(connection, row, job.outputs)


def _refuse(why: str | None, job: Job) -> None:
    if why is not None:
        raise IllegalMove(why, job.state)


def _if_to_come(bound: datetime | None, now: datetime) -> datetime | None:
    return bound if bound is not None and bound > now else None
