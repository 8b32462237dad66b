"""The jobs of a batch that have ended, in the order of its lines or as they ended, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select, tuple_

from db.batch_rows import line_key
from db.engine import Database
from db.job_rows import job_of, outputs_of
from db.rows import Job
from db.tables import batch_lines, jobs
from jobs.states import FINAL, State

SETTLING = timedelta(seconds=2)
"""In the order of ends a job is shown so long after its end: an earlier end may be committed later."""


_FIRST = UUID(int=0)


@dataclass(frozen=True)
class Result:
    """A job that has ended, and the place of its line, from 0."""

    position: int
    job: Job


@dataclass(frozen=True)
class Page:
    """`after`: where the next one begins; None: this is the last for now."""

    results: Sequence[Result]
    after: "Place | None"


@dataclass(frozen=True)
class Place:
    """Behind which a page begins: a position, or an end and its job."""

    position: int = -1
    ended: datetime | None = None
    job_id: UUID = _FIRST


BEGIN = Place()


class BatchResults:
    """What a page costs does not grow with what a batch holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def in_order(
        self, batch_id: UUID, limit: int, after: Place = BEGIN, states: Sequence[State] = ()
    ) -> Page:
        """Of the next `limit` lines those whose jobs have ended, in the order of the lines."""
        wanted = states or sorted(FINAL)
        lines = (
            select(batch_lines.c.position, batch_lines.c.job_id)
            .where(batch_lines.c.batch_id == batch_id, batch_lines.c.position > after.position)
            .order_by(batch_lines.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            here = {row.job_id: row.position for row in connection.execute(lines)}
            if not here:
                return Page([], None)
            ended = select(jobs).where(jobs.c.id.in_(list(here)), jobs.c.state.in_(wanted))
            found = self._results(connection, ended, here)
        last = Place(max(here.values()))
        return Page(sorted(found, key=lambda one: one.position), last)

    def as_they_ended(
        self, batch_id: UUID, limit: int, after: Place = BEGIN, states: Sequence[State] = ()
    ) -> Page:
        """Up to `limit` jobs in the order of their ends, but for the last two seconds."""
        wanted = states or sorted(FINAL)
        with self._database.read() as connection:
            until = self._database.time(connection) - SETTLING
            ended = select(jobs).where(
                jobs.c.batch_id == batch_id,
                jobs.c.finished_at <= until,
                jobs.c.state.in_(wanted),
            )
            if after.ended is not None:
                behind = tuple_(jobs.c.finished_at, jobs.c.id) > tuple_(after.ended, after.job_id)
                ended = ended.where(jobs.c.finished_at >= after.ended, behind)
            rows = ended.order_by(jobs.c.finished_at, jobs.c.id).limit(limit)
            found = self._results(connection, rows, None)
        if len(found) < limit:
            return Page(found, None)
        last = found[-1].job
        return Page(found, Place(ended=last.finished_at, job_id=last.id))

    def _results(
        self,
        connection: Connection,
        wanted: Select[Any],
        here: dict[UUID, int] | None,
    ) -> list[Result]:
        rows: Sequence[Row[Any]] = connection.execute(wanted).all()
        made = outputs_of(self._database, connection, [row.id for row in rows])
        if here is None:
            keys = [line_key(row.batch_id, row.custom_id) for row in rows]
            lines = select(batch_lines.c.job_id, batch_lines.c.position).where(
                batch_lines.c.key.in_(keys)
            )
            here = {row.job_id: row.position for row in connection.execute(lines)}
        return [Result(here[row.id], job_of(row, made.get(row.id, ()))) for row in rows]
