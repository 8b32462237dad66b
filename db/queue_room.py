"""How many more jobs a tenant may have waiting, where it has a cap: queued and scheduled ones.

Nothing is counted up and down with each job that comes or goes: then each claim and each settle
would wait for the row that submits hold. A submit takes from a `room` that was counted earlier. What
has left the queue since can only have made more of it, and what comes back takes of it unasked. Who
has no cap has no row, and costs one look.
"""

from collections import Counter
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


@dataclass
class Room:
    """How many more jobs a tenant with a cap may add, as far as was counted; its row is locked."""

    cap: int
    left: int
    counted_at: datetime | None

    @property
    def refusal(self) -> TooManyQueued:
        """What is told of a job for which none is left."""
        again = -(-(self.cap * _COUNTED_EVERY) // timedelta(seconds=1))
        return TooManyQueued(self.cap - self.left, self.cap, max(1, again))


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

    def open(
        self, connection: Connection, wanted: Mapping[UUID, int], now: datetime
    ) -> dict[UUID, Room]:
        """The room of those of the tenants that have a cap; so many new jobs are wanted of each.

        Until the commit no other job of theirs is added. What is taken of it is kept by `write`.
        `now`: the database's time.
        """
        rows = connection.execute(self._locked, {"tenants": list(wanted)}).all()
        return {row.tenant_id: _room(connection, row, wanted[row.tenant_id], now) for row in rows}

    def write(self, connection: Connection, rooms: Mapping[UUID, Room]) -> None:
        """Keep what is left of them."""
        if rooms:
            connection.execute(
                _WRITE,
                [
                    {"tenant": tenant, "left": room.left, "counted": room.counted_at}
                    for tenant, room in rooms.items()
                ],
            )

    def take_one(self, connection: Connection, tenant_id: UUID, now: datetime) -> None:
        """Take room for one job that comes back by its owner's wish; raises `TooManyQueued`."""
        rooms = self.open(connection, {tenant_id: 1}, now)
        for room in rooms.values():
            if room.left <= 0:
                raise room.refusal
            room.left -= 1
        self.write(connection, rooms)


def set_cap(connection: Connection, tenant_id: UUID, max_queued: int | None) -> None:
    """Let a tenant have so many jobs waiting, from the next submit on; None: as many as it likes."""
    if max_queued is None:
        connection.execute(delete(tenant_queues).where(tenant_queues.c.tenant_id == tenant_id))
    else:
        values = {"max_queued": max_queued, "room": 0, "counted_at": None}
        upsert(connection, tenant_queues, {"tenant_id": tenant_id}, values)


def came_back(connection: Connection, tenant_ids: Iterable[UUID]) -> None:
    """Jobs of these tenants (each named once for each job) wait again without having been let in."""
    rows = [{"tenant": one, "jobs": count} for one, count in sorted(Counter(tenant_ids).items())]
    if rows:
        connection.execute(_CAME_BACK, rows)


def _room(connection: Connection, row: Row[Any], wanted: int, now: datetime) -> Room:
    left, counted_at, cap = row.room, row.counted_at, row.max_queued
    if left < wanted and (counted_at is None or now - counted_at >= cap * _COUNTED_EVERY):
        left, counted_at = cap - _waiting(connection, row.tenant_id, cap), now
    return Room(cap, left, counted_at)


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
_WRITE = (
    update(tenant_queues)
    .where(tenant_queues.c.tenant_id == bindparam("tenant"))
    .values(room=bindparam("left"), counted_at=bindparam("counted"))
)
_CAME_BACK = (
    update(tenant_queues)
    .where(tenant_queues.c.tenant_id == bindparam("tenant"))
    .values(room=tenant_queues.c.room - bindparam("jobs"))
)
