"""Rows of `jobs` and `outputs` as values."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from db.among import among
from db.engine import Database
from db.rows import Job, JobDoubt, Output
from db.tables import outputs
from jobs.doubts import OnDoubt
from jobs.money import Money
from jobs.states import Priority, State

_PRIORITIES = {priority.rank: priority for priority in Priority}


def job_of(row: Row[Any], found: tuple[Output, ...] = (), doubt: JobDoubt | None = None) -> Job:
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
        on_doubt=OnDoubt(row.on_doubt),
        doubt_deadline=row.doubt_deadline,
        cancel_drops=row.cancel_drops,
        doubt=doubt,
        held_for=row.held_for,
        batch_id=row.batch_id,
        custom_id=row.custom_id,
        outputs_removed_at=row.outputs_removed_at,
        data_removed_at=row.data_removed_at,
    )


def outputs_of(
    database: Database, connection: Connection, job_ids: Sequence[UUID]
) -> dict[UUID, tuple[Output, ...]]:
    """The outputs of each job that has any, in order."""
    if not job_ids:
        return {}
    of_jobs = select(outputs).where(among(database, outputs.c.job_id, "ids"))
    found: dict[UUID, tuple[Output, ...]] = {}
    for row in connection.execute(
        of_jobs.order_by(outputs.c.job_id, outputs.c.n), {"ids": list(job_ids)}
    ):
        found[row.job_id] = (*found.get(row.job_id, ()), output_of(row))
    return found


def output_of(row: Row[Any]) -> Output:
    """An `outputs` row as a value."""
    return Output(
        row.n, row.artifact, row.content_type, row.width, row.height, row.bytes, row.sha256
    )
