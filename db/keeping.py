"""How long the data of whom is kept, and of whom something is due to be removed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, bindparam, or_, select, update

from db.batch_rows import own_times
from db.engine import Database
from db.tables import batches, inputs, jobs, tenants
from jobs.retention import FOR_EVER, Keeps, Removed

_MOST_BATCHES = 1_000
"""With times of their own, in one look."""


@dataclass(frozen=True)
class Due:
    """Whose data may be removed, a tenant's or that of one of its batches: of each kind what had
    ended, or was used, by then; None: nothing of that kind.

    `over`: the batch, which was finished then, has nothing left that its own times would remove.
    """

    tenant_id: UUID
    images: datetime | None
    jobs: datetime | None
    uploads: datetime | None = None
    batches: datetime | None = None
    batch_id: UUID | None = None
    finished_at: datetime | None = None
    over: bool = False

    @property
    def is_something(self) -> bool:
        return bool(self.images or self.jobs or self.uploads or self.batches or self.over)


class Keeping:
    """What the rows of tenants and batches say, with the `usual` times for tenants of whom nothing is
    said.
    """

    def __init__(self, database: Database, usual: Keeps) -> None:
        self._database = database
        self._usual = usual

    def of(self, tenant_id: UUID, batch_id: UUID | None = None) -> Keeps:
        """How long data of a tenant, or of one of its batches, is kept; both must exist.

        Whose times hold for a job is said here, and for many at once in `due`: its batch's, but none
        that is longer than its tenant's.
        """
        with self._database.read() as connection:
            mine = self._keeps(connection.execute(_KEEPS.where(tenants.c.id == tenant_id)).one())
            if batch_id is None:
                return mine
            row = connection.execute(_OWN.where(batches.c.id == batch_id)).one()
            return own_times(row).within(mine)

    def due(self) -> list[Due]:
        """The tenants and batches of which something is due, by one look at the oldest of each kind
        of each.

        A tenant who keeps everything for ever is not looked at, nor a batch without times of its own:
        its jobs are its tenant's. A batch of which nothing is due yet is not looked at again before
        something may be.
        """
        with self._database.read() as connection:
            now = self._database.time(connection)
            rows = connection.execute(_OLDEST if self._usual != FOR_EVER else _OLDEST_OF_OWN).all()
            short = connection.execute(_OLDEST_OF_BATCH, {"now": now}).all()
        found = [self._due(row, now) for row in rows]
        later: list[dict[str, Any]] = []
        for row in short:
            due = _due_of_batch(row, now)
            if due.is_something:
                found.append(due)
            else:
                later.append({"its_id": row.id, "then": _look_again(row, now)})
        if later:
            # In one order, as all who lock several.
            later.sort(key=lambda one: one["its_id"])
            with self._database.write() as connection:
                connection.execute(_LATER, later)
        return [one for one in found if one.is_something]

    def _due(self, row: Row[Any], now: datetime) -> Due:
        keeps = self._keeps(row)
        return Due(
            row.id,
            images=_due_by(now, keeps.images, row.oldest_whole),
            jobs=_due_by(now, keeps.jobs, _oldest(row)),
            uploads=_due_by(now, keeps.uploads, row.oldest_upload),
            batches=_due_by(now, keeps.jobs, row.oldest_batch),
        )

    def _keeps(self, row: Row[Any]) -> Keeps:
        return Keeps(
            _span(row.keep_outputs, self._usual.outputs), _span(row.keep_jobs, self._usual.jobs)
        )


def _due_of_batch(row: Row[Any], now: datetime) -> Due:
    """By its own times alone; its tenant's, if they are shorter, are seen to with the tenant's."""
    keeps = own_times(row)
    of_itself = row.finished_at if row.data_removed_at is None else None
    all_is_gone = _oldest(row) is None and row.data_removed_at is not None
    return Due(
        row.tenant_id,
        images=_due_by(now, keeps.images, row.oldest_whole),
        jobs=_due_by(now, keeps.jobs, _oldest(row)),
        batches=_due_by(now, keeps.jobs, of_itself),
        batch_id=row.id,
        finished_at=row.finished_at,
        over=row.finished_at is not None
        and row.oldest_whole is None
        and (keeps.jobs is None or all_is_gone),
    )


def _look_again(row: Row[Any], now: datetime) -> datetime:
    """When something of a batch may be due. What ends from now on is due no earlier than after the
    shorter of its times.
    """
    keeps = own_times(row)
    ends = (
        (keeps.images, row.oldest_whole),
        (keeps.jobs, _oldest(row)),
        (keeps.jobs, row.finished_at if row.data_removed_at is None else None),
    )
    found = [end + span for span, end in ends if span is not None and end is not None]
    found += [now + span for span in (keeps.images, keeps.jobs) if span is not None]
    return max(now, min(found))


def _oldest(row: Row[Any]) -> datetime | None:
    """The end of the job that has ended first and of which anything is left."""
    found = [one for one in (row.oldest_whole, row.oldest_without_images) if one is not None]
    return min(found, default=None)


def ended(removed: Removed) -> list[ColumnElement[bool]]:
    """That a job has ended, has so much of its data removed, and not all of it: the conditions of
    `ix_jobs_kept` and `ix_jobs_kept_of_batch`, in their own words.
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


def _oldest_job(whose: ColumnElement[bool], removed: Removed) -> ScalarSelect[Any]:
    # Not `min`, and no EXISTS: of this no planner makes a join, which would read all jobs.
    return (
        select(jobs.c.finished_at)
        .where(whose, *ended(removed))
        .order_by(jobs.c.finished_at)
        .limit(1)
        .scalar_subquery()
    )


_KEEPS: Select[Any] = select(tenants.c.keep_outputs, tenants.c.keep_jobs)
_OWN: Select[Any] = select(batches.c.keep_outputs, batches.c.keep_jobs)
_OF_TENANT = jobs.c.tenant_id == tenants.c.id
_OLDEST: Select[Any] = select(
    tenants.c.id,
    tenants.c.keep_outputs,
    tenants.c.keep_jobs,
    _oldest_job(_OF_TENANT, Removed.NOTHING).label("oldest_whole"),
    _oldest_job(_OF_TENANT, Removed.IMAGES).label("oldest_without_images"),
    select(inputs.c.unused_since)
    .where(inputs.c.tenant_id == tenants.c.id, inputs.c.unused_since.is_not(None))
    .order_by(inputs.c.unused_since)
    .limit(1)
    .scalar_subquery()
    .label("oldest_upload"),
    select(batches.c.finished_at)
    .where(
        batches.c.tenant_id == tenants.c.id,
        batches.c.finished_at.is_not(None),
        batches.c.data_removed_at.is_(None),
    )
    .order_by(batches.c.finished_at)
    .limit(1)
    .scalar_subquery()
    .label("oldest_batch"),
)
_OLDEST_OF_OWN = _OLDEST.where(or_(tenants.c.keep_outputs > 0, tenants.c.keep_jobs > 0))
_OF_BATCH = jobs.c.batch_id == batches.c.id
_OLDEST_OF_BATCH: Select[Any] = (
    select(
        batches.c.id,
        batches.c.tenant_id,
        batches.c.keep_outputs,
        batches.c.keep_jobs,
        batches.c.finished_at,
        batches.c.data_removed_at,
        _oldest_job(_OF_BATCH, Removed.NOTHING).label("oldest_whole"),
        _oldest_job(_OF_BATCH, Removed.IMAGES).label("oldest_without_images"),
    )
    .where(batches.c.keep_due <= bindparam("now"))
    .order_by(batches.c.keep_due)
    .limit(_MOST_BATCHES)
)
_LATER = (
    update(batches)
    .where(batches.c.id == bindparam("its_id"), batches.c.keep_due.is_not(None))
    .values(keep_due=bindparam("then"))
)
