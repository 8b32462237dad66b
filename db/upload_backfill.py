"""Jobs from before there were rows of what they need (db/job_uploads.py): upkeep writes them, in steps.

Begun when something is to be removed for the first time, and ended before anything is. It goes
through all jobs once, in the order of their ids; jobs that come meanwhile have their rows.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from db.engine import Database
from db.tables import backfills, job_uploads, jobs
from jobs.catalog.references import uploads_of

_NAME = "job_uploads"


def backfill(database: Database, limit: int) -> bool:
    """Go through up to `limit` more jobs; whether that was the last of them."""
    mine = select(backfills).where(backfills.c.name == _NAME)
    with database.read() as connection:
        known = connection.execute(mine).one_or_none()
    if known is not None and known.ended_at is not None:
        return True
    with database.write() as connection:
        put = (sqlite if database.is_sqlite else postgresql).insert(backfills)
        connection.execute(put.values(name=_NAME).on_conflict_do_nothing())
        state = connection.execute(mine.with_for_update(skip_locked=True)).one_or_none()
        if state is None:
            return False  # another upkeep is about it
        if state.ended_at is not None:
            return True
        rows = connection.execute(
            select(jobs.c.id, jobs.c.tenant_id, jobs.c.model, jobs.c.input)
            .where(jobs.c.id > (state.after or UUID(int=0)))
            .order_by(jobs.c.id)
            .limit(limit)
        ).all()
        _refer(connection, database, rows)
        ended = len(rows) < limit
        connection.execute(
            update(backfills)
            .where(backfills.c.name == _NAME)
            .values(
                after=rows[-1].id if rows else state.after,
                ended_at=database.time(connection) if ended else None,
            )
        )
        return ended


def _refer(connection: Connection, database: Database, rows: Sequence[Any]) -> None:
    wanted = [
        {"job_id": row.id, "sha256": one, "tenant_id": row.tenant_id}
        for row in rows
        for one in sorted(set(uploads_of(row.model, row.input).values()))
    ]
    if wanted:
        put = (sqlite if database.is_sqlite else postgresql).insert(job_uploads)
        connection.execute(put.on_conflict_do_nothing(), wanted)
