"""How long the data of whom is kept, and of whom something is due to be removed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, or_, select

from db.engine import Database
from db.tables import inputs, jobs, tenants
from jobs.retention import FOR_EVER, Keeps, Removed


@dataclass(frozen=True)
class Due:
    """A tenant of which something may be removed: of each kind what had ended, or was used, by then;
    None: nothing of that kind.
    """

    tenant_id: UUID
    images: datetime | None
    jobs: datetime | None
    uploads: datetime | None


class Keeping:
    """What tenants' rows say, with the `usual` times for those of whom nothing is said."""

    def __init__(self, database: Database, usual: Keeps) -> None:
        self._database = database
        self._usual = usual

    def of(self, tenant_id: UUID) -> Keeps:
        """How long a tenant's data is kept; it must exist.

        Whose times hold for a job is said here, and for many at once in `due`. A batch with times
        of its own is to be asked first, in both.
        """
        with self._database.read() as connection:
            mine = _KEEPS.where(tenants.c.id == tenant_id)
            return self._keeps(connection.execute(mine).one())

    def due(self) -> list[Due]:
        """The tenants of whom something is due, by one look at the oldest of each kind of each.

        Who keeps everything for ever is not looked at.
        """
        with self._database.read() as connection:
            now = self._database.time(connection)
            rows = connection.execute(_OLDEST if self._usual != FOR_EVER else _OLDEST_OF_OWN).all()
        found = [self._due(row, now) for row in rows]
        return [one for one in found if one.images or one.jobs or one.uploads]

    def _due(self, row: Row[Any], now: datetime) -> Due:
        keeps = self._keeps(row)
        ended = [one for one in (row.oldest_whole, row.oldest_without_images) if one is not None]
        return Due(
            row.id,
            images=_due_by(now, keeps.images, row.oldest_whole),
            jobs=_due_by(now, keeps.jobs, min(ended, default=None)),
            uploads=_due_by(now, keeps.uploads, row.oldest_upload),
        )

    def _keeps(self, row: Row[Any]) -> Keeps:
        return Keeps(
            _span(row.keep_outputs, self._usual.outputs), _span(row.keep_jobs, self._usual.jobs)
        )


def ended(removed: Removed) -> list[ColumnElement[bool]]:
    """That a job has ended, has so much of its data removed, and not all of it: the conditions of
    `ix_jobs_kept`, in its own words.
    """
    return [
        jobs.c.removed == removed,
        jobs.c.data_removed_at.is_(None),
        jobs.c.finished_at.is_not(None),
    ]


def _span(seconds: int | None, usual: timedelta | None) -> timedelta | None:
    if seconds is None:
        return usual
    return timedelta(seconds=seconds) if seconds else None


def _due_by(now: datetime, span: timedelta | None, oldest: datetime | None) -> datetime | None:
    """What is of then or earlier has had its time; None where not even the oldest has."""
    if span is None or oldest is None or oldest > now - span:
        return None
    return now - span


def _oldest_job(removed: Removed) -> ScalarSelect[Any]:
    # Not `min`, and no EXISTS: of this no planner makes a join, which would read all jobs.
    return (
        select(jobs.c.finished_at)
        .where(jobs.c.tenant_id == tenants.c.id, *ended(removed))
        .order_by(jobs.c.finished_at)
        .limit(1)
        .scalar_subquery()
    )


_KEEPS: Select[Any] = select(tenants.c.keep_outputs, tenants.c.keep_jobs)
_OLDEST: Select[Any] = select(
    tenants.c.id,
    tenants.c.keep_outputs,
    tenants.c.keep_jobs,
    _oldest_job(Removed.NOTHING).label("oldest_whole"),
    _oldest_job(Removed.IMAGES).label("oldest_without_images"),
    select(inputs.c.unused_since)
    .where(inputs.c.tenant_id == tenants.c.id, inputs.c.unused_since.is_not(None))
    .order_by(inputs.c.unused_since)
    .limit(1)
    .scalar_subquery()
    .label("oldest_upload"),
)
_OLDEST_OF_OWN = _OLDEST.where(or_(tenants.c.keep_outputs > 0, tenants.c.keep_jobs > 0))
