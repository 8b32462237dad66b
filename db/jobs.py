"""The client's verbs on a job: add, get; and upkeep's: release, expire. Changes: job_changes.py."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from db.engine import Database
from db.ids import new_id
from db.job_tags import tag
from db.rows import Job, NewJob, Output
from db.tables import jobs, outputs
from db.turns import IN_ORDER, in_order
from jobs.errors import NotFound
from jobs.money import Money
from jobs.settling import expired
from jobs.states import FINAL, WAITING, Priority, State

_PRIORITIES = {priority.rank: priority for priority in Priority}


class JobStore:
    """Jobs of all tenants; what a client asks for is asked with its tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: NewJob) -> Job:
        """Keep a job durably: `scheduled` when its `run_at` is still to come, else `queued`."""
        with self._database.write() as connection:
            now = self._database.time(connection)
            due = new.run_at is None or new.run_at <= now
            row = connection.execute(
                insert(jobs)
                .values(
                    id=new_id(),
                    tenant_id=new.tenant_id,
                    pool=new.pool,
                    model=new.model,
                    input=new.input,
                    state=State.QUEUED if due else State.SCHEDULED,
                    priority=new.priority.rank,
                    group_name=new.group,
                    tags=list(new.tags),
                    metadata=new.metadata or {},
                    run_at=new.run_at,
                    start_by=new.start_by,
                    finish_by=new.finish_by,
                    max_attempts=new.max_attempts,
                    estimate=new.estimate,
                    created_at=now,
                )
                .returning(jobs)
            ).one()
            tag(connection, row.tenant_id, row.id, new.tags)
            return job_of(row)

    def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """The job with its outputs; raises `NotFound`, also for another tenant's."""
        with self._database.read() as connection:
            row = connection.execute(
                select(jobs).where(jobs.c.id == job_id, jobs.c.tenant_id == tenant_id)
            ).one_or_none()
            if row is None:
                raise NotFound(f"there is no job {job_id}")
            return job_of(row, outputs_of(connection, job_id) if row.state in FINAL else ())

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
                .returning(jobs.c.id)
            )
            return list(released.scalars())

    def expire(self, limit: int) -> list[UUID]:
        """End waiting jobs, up to `limit` each, that missed their `start_by` or `finish_by`."""
        found: list[UUID] = []
        with self._database.write() as connection:
            now = self._database.time(connection)
            # One statement for each partial index; with both bounds in one, neither would serve.
            for too_late, message in (
                (_unstarted_in_time(now), "its start_by passed before it started"),
                (_unfinished_in_time(now), "its finish_by passed while it waited"),
            ):
                late = (
                    select(jobs.c.id)
                    .where(literal_column("state IN ('scheduled', 'queued')"), too_late)
                    .limit(limit)
                    .with_for_update(skip_locked=True)
                )
                ended = connection.execute(
                    update(jobs)
                    .where(jobs.c.id.in_(late), jobs.c.state.in_(WAITING))
                    .values(
                        state=State.EXPIRED,
                        finished_at=now,
                        error=expired(message),
                        held_for=None,
                    )
                    .returning(jobs.c.id)
                )
                found += ended.scalars()
        return found

    def waiting(self, pool: str, limit: int) -> int:
        """How many jobs are queued in the pool and not held, counted up to `limit`."""
        with self._database.read() as connection:
            some = (
                select(jobs.c.id)
                .where(jobs.c.pool == pool, *in_order())
                .order_by(*IN_ORDER)
                .limit(limit)
                .subquery()
            )
            return connection.scalar(select(func.count()).select_from(some)) or 0


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


def job_of(row: Row[Any], found: tuple[Output, ...] = ()) -> Job:
    """A `jobs` row as a value."""
    return Job(
        id=row.id,
        tenant_id=row.tenant_id,
        pool=row.pool,
        model=row.model,
        input=row.input,
        state=State(row.state),
        priority=_PRIORITIES[row.priority],
        group=row.group_name,
        tags=tuple(row.tags),
        metadata=row.metadata,
        run_at=row.run_at,
        start_by=row.start_by,
        finish_by=row.finish_by,
        max_attempts=row.max_attempts,
        attempts=row.attempts,
        number=row.number,
        estimate=Money(row.estimate),
        cost=Money(row.cost),
        seed=row.seed,
        error=row.error,
        cancel_requested_at=row.cancel_requested_at,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        outputs=found,
    )


def outputs_of(connection: Connection, job_id: UUID) -> tuple[Output, ...]:
    rows = connection.execute(
        select(outputs).where(outputs.c.job_id == job_id).order_by(outputs.c.n)
    )
    return tuple(output_of(row) for row in rows)


def output_of(row: Row[Any]) -> Output:
    """An `outputs` row as a value."""
    return Output(
        row.n, row.artifact, row.content_type, row.width, row.height, row.bytes, row.sha256
    )
