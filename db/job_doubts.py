"""What is not known of jobs in doubt, read with them: one query for all jobs of a page."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from db.among import among
from db.engine import Database
from db.rows import JobDoubt
from db.tables import attempts, jobs
from jobs.money import Money
from jobs.states import State


def doubts_of(
    database: Database, connection: Connection, rows: Iterable[Row[Any]]
) -> dict[UUID, JobDoubt]:
    """The doubt of each of these `jobs` rows that is in doubt. No query where none is."""
    ids = [row.id for row in rows if row.state == State.IN_DOUBT]
    if not ids:
        return {}
    found = connection.execute(
        select(attempts)
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .where(
            among(database, attempts.c.job_id, "ids"),
            attempts.c.number == jobs.c.number,
            attempts.c.in_doubt_at.is_not(None),
        ),
        {"ids": ids},
    )
    return {row.job_id: _doubt(row) for row in found}


def _doubt(row: Row[Any]) -> JobDoubt:
    return JobDoubt(
        since=row.in_doubt_at,
        kind=row.outcome,
        message=row.message,
        estimate=Money(row.estimate),
        request_id=row.request_id,
        looked=row.looked,
        next_look_at=row.next_look_at,
    )
