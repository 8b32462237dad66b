"""How many more jobs a tenant may have waiting, where it has a cap: queued and scheduled ones.

Nothing is counted up and down with each job that comes or goes: then each claim and each settle
would wait for the row that submits hold. A submit takes from a `room` that was counted earlier. What
has left the queue since can only have made more of it, and what comes back has it counted anew. Who
has no cap has no row, and costs one look.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, delete, func, literal_column, select, update

from db.among import among
from db.engine import Database
from db.tables import jobs, tenant_queues
from db.upserts import upsert
from jobs.errors import TooManyQueued
from jobs.states import WAITING

_COUNTED_EVERY = timedelta(microseconds=10)
"""For each job of a cap: counting takes about a tenth of that, and so a tenth of the time at the
most. With a cap of 100,000 a queue that is full is counted once a second."""


@dataclass(frozen=True)
class Admitted:
    """How many of the wanted jobs a tenant with a cap may add, and what is told of the others."""

    count: int
    refusal: TooManyQueued


class QueueRoom:
    """Its verbs are for the inside of a `write`, whose commit keeps the jobs too."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # In one order everywhere: two groups that each wait for the other's would be a deadlock.
        self._locked = (
            select(tenant_queues)
            .where(among(database, tenant_queues.c.tenant_id, "tenants"))
            .order_by(tenant_queues.c.tenant_id)
            .with_for_update()
        )

    def take(self, connection: Connection, wanted: Mapping[UUID, int]) -> dict[UUID, Admitted]:
        """Take room for so many new jobs of each tenant, as far as there is any.

        Tells of tenants that have a cap; until the commit no other job of theirs is added.
        """
        rows = connection.execute(self._locked, {"tenants": list(wanted)}).all()
        if not rows:
            return {}
        now = self._database.time(connection)
        return {row.tenant_id: _take(connection, row, wanted[row.tenant_id], now) for row in rows}

    def take_one(self, connection: Connection, tenant_id: UUID) -> None:
        """Take room for one job that comes back by its owner's wish; raises `TooManyQueued`."""
        admitted = self.take(connection, {tenant_id: 1}).get(tenant_id)
        if admitted is not None and not admitted.count:
            raise admitted.refusal


def set_cap(connection: Connection, tenant_id: UUID, max_queued: int | None) -> None:
    """Let a tenant have so many jobs waiting, from the next submit on; None: as many as it likes."""
    if max_queued is None:
        connection.execute(delete(tenant_queues).where(tenant_queues.c.tenant_id == tenant_id))
    else:
        values = {"max_queued": max_queued, "room": 0, "counted_at": None}
        upsert(connection, tenant_queues, {"tenant_id": tenant_id}, values)


def came_back(connection: Connection, tenant_ids: Iterable[UUID]) -> None:
    """Jobs of these tenants wait again without having been let in: count before the next submit."""
    rows = [{"tenant": tenant_id} for tenant_id in sorted(set(tenant_ids))]
    if rows:
        connection.execute(_COUNT_ANEW, rows)


def _take(connection: Connection, row: Row[Any], wanted: int, now: datetime) -> Admitted:
    room, counted_at, cap = row.room, row.counted_at, row.max_queued
    if room < wanted and (counted_at is None or now - counted_at >= cap * _COUNTED_EVERY):
        room, counted_at = cap - _waiting(connection, row.tenant_id, cap), now
    count = min(wanted, max(room, 0))
    connection.execute(
        update(tenant_queues)
        .where(tenant_queues.c.tenant_id == row.tenant_id)
        .values(room=room - count, counted_at=counted_at)
    )
    again = -(-(cap * _COUNTED_EVERY) // timedelta(seconds=1))
    return Admitted(count, TooManyQueued(cap - room + count, cap, max(1, again)))


def _waiting(connection: Connection, tenant_id: UUID, most: int) -> int:
    """How many of its jobs wait, each state counted up to `most`."""
    return sum(
        connection.scalar(count, {"tenant": tenant_id, "most": most}) or 0 for count in _WAITING
    )


# A look for each state, along the index of a tenant's jobs by state.
_WAITING = [
    select(func.count()).select_from(
        select(jobs.c.id)
        .where(jobs.c.tenant_id == bindparam("tenant"), jobs.c.state == literal_column(f"'{one}'"))
        .limit(bindparam("most"))
        .subquery()
    )
    for one in sorted(WAITING)
]
_COUNT_ANEW = (
    update(tenant_queues)
    .where(tenant_queues.c.tenant_id == bindparam("tenant"))
    .values(room=0, counted_at=None)
)
