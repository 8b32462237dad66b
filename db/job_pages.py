"""Pages of a tenant's jobs, newest first, and how many there are of each state.

What a page costs does not grow with what is stored: it walks the jobs in the order of their ids
along the index that serves its filter best (job_walks.py), and after `MOST_PASSED` of them it ends
as it is, with the place where the next one goes on.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, func, select, text, true

from db.engine import Database
from db.job_doubts import doubts_of
from db.job_rows import job_of, output_of
from db.job_walks import JobFilter, Range, checks, furthest, passing, walks
from db.rows import Job, Output
from db.tables import jobs, outputs
from jobs.states import State

MOST_PASSED = 10_000
"""Jobs that a page passes at the most while it looks for those that the filter lets through."""
MOST_COUNTED = 10_000
"""Jobs of one state are counted up to here."""
CLOCKS_DIFFER = timedelta(hours=1)
"""An id holds the time of the gateway that made it, `created_at` the database's."""


@dataclass(frozen=True)
class Page:
    """Jobs, newest first. The next page begins below the id `below`; None: there is no more.

    A page may hold fewer jobs than asked for, even none, and not be the last.
    """

    jobs: tuple[Job, ...]
    below: UUID | None


@dataclass(frozen=True)
class JobPages:
    """Reads only what is the tenant's own.

    `stretch`: so many jobs are passed before the choice of the index is made again.
    """

    database: Database
    stretch: int = 2_000
    most_passed: int = MOST_PASSED
    most_counted: int = MOST_COUNTED

    def page(
        self, tenant_id: UUID, wanted: JobFilter, *, limit: int, below: UUID | None = None
    ) -> Page:
        """Up to `limit` jobs whose ids are less than `below`, with their outputs."""
        among, looked_up = walks(tenant_id, wanted), checks(wanted)
        ahead = _range(wanted, below)
        found: list[UUID] = []
        with _in_order(self.database) as connection:
            for _ in range(self.most_passed // self.stretch):
                walk, end = among[0], None
                if looked_up:
                    walk, end = furthest(connection, among, ahead, self.stretch)
                stretch = Range(end or ahead.first, ahead.below)
                some = passing(walk, stretch, looked_up, limit + 1 - len(found))
                found += connection.scalars(some)
                if len(found) > limit:
                    found.pop()
                    end = found[-1]
                    break
                if end is None:
                    break
                ahead = Range(ahead.first, end)
            return Page(_jobs(self.database, connection, found), end)

    def counts(self, tenant_id: UUID) -> dict[State, int]:
        """How many jobs there are of each state, each counted up to `most_counted`."""
        counted = [
            select(func.count())
            .select_from(
                select(jobs.c.id)
                .where(jobs.c.tenant_id == tenant_id, jobs.c.state == state)
                .limit(self.most_counted)
                .subquery()
            )
            .scalar_subquery()
            .label(state)
            for state in State
        ]
        with _in_order(self.database) as connection:
            return dict(zip(State, connection.execute(select(*counted)).one(), strict=True))


@contextmanager
def _in_order(database: Database) -> Iterator[Connection]:
    """One snapshot, in which PostgreSQL reads indexes in their order.

    Left to itself it takes a tenant who has just brought 100,000 jobs for one of a few dozen, until
    the next ANALYZE, and so reads and sorts all of them for each page.
    """
    with database.read() as connection:
        if database.is_sqlite:
            yield connection
            return
        connection.execute(text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        try:
            ways = [f"enable_{way}" for way in ("seqscan", "bitmapscan", "sort")]
            connection.execute(select(*(func.set_config(way, "off", true()) for way in ways)))
            yield connection
        finally:
            connection.execute(text("ROLLBACK"))


def _range(wanted: JobFilter, below: UUID | None) -> Range:
    """The ids that can be of the wanted time; `created_at` itself is compared as well."""
    first, before = wanted.created_after, wanted.created_before
    if before is not None:
        bound = _id_at(before, CLOCKS_DIFFER)
        below = bound if below is None else min(below, bound)
    return Range(None if first is None else _id_at(first, -CLOCKS_DIFFER), below)


def _id_at(moment: datetime, later: timedelta) -> UUID:
    """A UUIDv7 is less than this exactly when it was made before that time (RFC 9562 §5.7)."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC) + later
    milliseconds = since // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


def _jobs(database: Database, connection: Connection, ids: Sequence[UUID]) -> tuple[Job, ...]:
    """The jobs of these ids, in this order."""
    if not ids:
        return ()
    rows = connection.execute(select(jobs).where(jobs.c.id.in_(ids)))
    by_id = {row.id: row for row in rows}
    made = _outputs(connection, ids)
    doubts = doubts_of(database, connection, by_id.values())
    return tuple(job_of(by_id[one], tuple(made[one]), doubts.get(one)) for one in ids)


def _outputs(connection: Connection, ids: Sequence[UUID]) -> defaultdict[UUID, list[Output]]:
    rows = connection.execute(
        select(outputs).where(outputs.c.job_id.in_(ids)).order_by(outputs.c.job_id, outputs.c.n)
    )
    found = defaultdict(list)
    for row in rows:
        found[row.job_id].append(output_of(row))
    return found
