"""Attempts that nobody settled in time."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from db.engine import Database
from db.rows import Lost
from db.tables import attempts, jobs
from jobs.catalog import MODELS
from jobs.money import Money
from jobs.states import State


def lost_attempts(connection: Connection, database: Database, limit: int) -> list[Lost]:
    """Up to `limit` attempts whose lease has run out and whose job nobody has moved since."""
    # Late ones first and their jobs by key: in one step SQLite reads all jobs that there are.
    late = (
        select(attempts)
        .where(
            attempts.c.finished_at.is_(None),
            attempts.c.in_doubt_at.is_(None),
            attempts.c.lease_until < database.now,
        )
        .order_by(attempts.c.lease_until)
        .limit(limit)
        .subquery()
    )
    rows = connection.execute(
        select(late, jobs.c.tenant_id, jobs.c.model, jobs.c.input)
        .join(jobs, jobs.c.id == late.c.job_id)
        .where(jobs.c.state == State.RUNNING, jobs.c.number == late.c.number)
        .order_by(late.c.lease_until)
    )
    return [
        Lost(
            attempt_id=row.id,
            account_id=row.account_id,
            tenant_id=row.tenant_id,
            job_id=row.job_id,
            number=row.number,
            estimate=Money(row.estimate),
            samples=_samples(row.model, row.input),
            seed=row.seed,
        )
        for row in rows
    ]


def _samples(slug: str, values: Mapping[str, Any]) -> int:
    # A model that has left the catalog since: one image is what a call brings at the least.
    return MODELS[slug].samples(values) if slug in MODELS else 1
