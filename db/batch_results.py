"""The jobs of a batch that have ended, in the order of its lines or as they ended, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select, text, tuple_

from db.batch_rows import line_key
from db.engine import Database
from db.job_rows import job_of, outputs_of
from db.rows import Job
from db.tables import batch_lines, jobs
from jobs.states import FINAL, State

SETTLING = timedelta(seconds=2)
"""In the order of ends a job is shown so long after its end at the soonest."""
READS_ONLY = timedelta(minutes=2)
"""A transaction that has written nothing for so long only reads, as a backup does for hours. Ours are
ended when they are idle for a minute (db/engine.py), and so is whoever one of them waits for.
"""

_FIRST = UUID(int=0)
_GONE_PAST = 5_000
"""Jobs that have ended otherwise than was asked for."""


@dataclass(frozen=True)
class Result:
    """A job that has ended, and the place of its line, from 0."""

    position: int
    job: Job


@dataclass(frozen=True)
class Page:
    """`after`: where the next one begins; None: this is the last for now. `until`: where to look for
    more later, where that is farther than behind the last result.
    """

    results: Sequence[Result]
    after: "Place | None"
    until: "Place | None" = None


@dataclass(frozen=True)
class Place:
    """Behind which a page begins: a position, or an end and its job."""

    position: int = -1
    ended: datetime | None = None
    job_id: UUID = _FIRST


BEGIN = Place()


class BatchResults:
    """What a page costs does not grow with what a batch holds: of results that were not asked for a page
    goes past so many, and may have fewer than it could.
    """

    def __init__(self, database: Database, reads_only: timedelta = READS_ONLY) -> None:
        self._database = database
        self._reads_only = reads_only

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
        """Up to `limit` jobs in the order of their ends: those before which none can come any more."""
        wanted = states or sorted(FINAL)
        ways = limit if not states else max(limit, _GONE_PAST)
        with self._database.read() as connection:
            # Before the jobs are looked at: who is not under way now is seen there, or ends later.
            until = self._all_known_until(connection)
            ended = select(jobs.c.id, jobs.c.finished_at, jobs.c.state).where(
                jobs.c.batch_id == batch_id, jobs.c.finished_at < until
            )
            if after.ended is not None:
                behind = tuple_(jobs.c.finished_at, jobs.c.id) > tuple_(after.ended, after.job_id)
                ended = ended.where(jobs.c.finished_at >= after.ended, behind)
            order = jobs.c.finished_at, jobs.c.id
            there = connection.execute(ended.order_by(*order).limit(ways)).all()
            mine = [row for row in there if row.state in wanted][:limit]
            # Once more: one that was put back meanwhile has not ended.
            these = select(jobs).where(
                jobs.c.id.in_([row.id for row in mine]),
                jobs.c.finished_at.is_not(None),
                jobs.c.state.in_(wanted),
            )
            found = self._results(connection, these.order_by(*order), None) if mine else []
        if len(mine) == limit:
            return Page(found, _behind(mine[-1]))
        if len(there) == ways:
            return Page(found, _behind(there[-1]))
        is_farther = bool(states) and (after.ended is None or until > after.ended)
        return Page(found, None, Place(ended=until) if is_farther else None)

    def _all_known_until(self, connection: Connection) -> datetime:
        """Until when all ends are committed.

        A job's end is the moment that its transaction took when it began, and it may wait for others
        before its commit, or have a thousand jobs to write. So it is not before what began first of
        all that is under way; and one that has written nothing yet may have taken its moment. SQLite
        has one writer, who takes it when he has the lock: there ends are committed in their order.
        """
        now = self._database.time(connection) - SETTLING
        if self._database.is_sqlite:
            return now
        began: datetime = connection.execute(_BEGAN, {"reads_only": self._reads_only}).scalar_one()
        return min(now, began)

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


def _behind(row: Any) -> Place:
    return Place(ended=row.finished_at, job_id=row.id)


# At the latest now: this one is among them. Of other roles' PostgreSQL tells that to nobody but those
# who may see all statistics: all processes of one system share a role.
_BEGAN = text(
    "SELECT min(xact_start) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend'"
    " AND (backend_xid IS NOT NULL OR xact_start > clock_timestamp() - :reads_only)"
)
