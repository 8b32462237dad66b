"""How much is queued, by tenant and by group, for whoever asks when a job's turn comes.

Nothing is counted beyond a bound, so that a look stays cheap whatever is queued. Its cost grows with
the tenants, and the groups, that have queued work, as a claim's does.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    LargeBinary,
    Row,
    SmallInteger,
    String,
    TextClause,
    Uuid,
    bindparam,
    func,
    select,
    text,
    tuple_,
    type_coerce,
)

from db.engine import Database
from db.tables import jobs, tenants
from db.turns import IN_ORDER, Groups, Tenants, in_order
from jobs.forecast import Member, TenantQueue
from jobs.money import Money

MOST_COUNTED = 10_000
"""Jobs that one look counts, about: each of the tenants, or groups, an equal share."""
_LEAST_COUNTED = 20
_MOST_SAMPLED = 1_000
"""Jobs whose costs one look reads, likewise: their mean stands for all of them."""
_SAMPLE = 20
_BYTES = 16

# One row for each member. The whole order of the index, and places compared as rows: see order_looks.py.
_SIZES = """
SELECT {name} AS name,
  (SELECT count(*) FROM (
    SELECT id FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL AND {here}
    ORDER BY tenant_id, priority, group_name, id LIMIT :most) AS counted) AS queued,
  (SELECT avg(estimate) FROM (
    SELECT estimate FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL AND {here}
    ORDER BY tenant_id, priority, group_name, id LIMIT :some) AS sample) AS cost,
  (SELECT model FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL AND {here}
    ORDER BY tenant_id, priority, group_name, id LIMIT 1) AS model
FROM {members}
"""


def _sizes(name: str, here: str, members: str) -> TextClause:
    found = _SIZES.replace("{name}", name).replace("{here}", here).replace("{members}", members)
    return text(found)


_OF_TENANTS = (
    _sizes("t.id", "tenant_id = t.id", "tenants t WHERE t.id IN :ids")
    .bindparams(bindparam("ids", type_=Uuid, expanding=True))
    .columns(name=Uuid)
)
_GROUP_HERE = {
    "postgresql": (
        """tenant_id = :tenant AND (priority, group_name) >= (:priority, g.value)
    AND (priority, group_name) <= (:priority, g.value)""",
        "unnest(CAST(:names AS text[])) AS g(value)",
    ),
    "sqlite": (
        "tenant_id = :tenant AND priority = :priority AND group_name = g.value",
        "json_each(:names) AS g",
    ),
}
_OF_GROUPS = {
    dialect: _sizes("g.value", here, members).bindparams(
        bindparam("tenant", type_=Uuid), bindparam("priority", type_=SmallInteger)
    )
    for dialect, (here, members) in _GROUP_HERE.items()
}


@dataclass(frozen=True)
class PoolSizes:
    """The tenants with queued work by their ids (hex), and the model of each one's first job."""

    tenants: dict[str, Member]
    models: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """The oldest jobs of a tenant's priority and group, and whether those are all.

    `ids` are 16 bytes each, in order: many places are remembered.
    """

    ids: bytes
    whole: bool

    @property
    def count(self) -> int:
        return len(self.ids) // _BYTES

    def older_than(self, job_id: UUID) -> int:
        """How many of them are older than the job, which may be one of them."""
        return bisect_left(range(self.count), job_id.bytes, key=self._id)

    def __contains__(self, job_id: UUID) -> bool:
        at = self.older_than(job_id)
        return at < self.count and self._id(at) == job_id.bytes

    def _id(self, n: int) -> bytes:
        return self.ids[n * _BYTES : (n + 1) * _BYTES]


class QueueSizes:
    """Looks at the order's index alone, but for the costs of a few jobs."""

    def __init__(self, database: Database, most: int = MOST_COUNTED) -> None:
        self._database = database
        self._most = most
        here = tuple_(bindparam("priority", type_=SmallInteger), bindparam("group", type_=String))
        place = tuple_(jobs.c.priority, jobs.c.group_name)
        self._ids = (
            # Not as UUIDs, of which ten thousand take longer to make than to read.
            select(
                type_coerce(jobs.c.id, String)
                if database.is_sqlite
                else func.uuid_send(jobs.c.id, type_=LargeBinary)
            )
            .where(
                jobs.c.pool == bindparam("pool"),
                *in_order(),
                jobs.c.tenant_id == bindparam("tenant"),
                place >= here,
                place <= here,
            )
            .order_by(*IN_ORDER)
            .limit(most)
        )

    def of_pool(self, pool: str) -> PoolSizes:
        """The pool's tenants with queued work that may claim now."""
        with self._database.read() as connection:
            level = Tenants(connection, pool)
            ids = [UUID(member) for member in level.ahead]
            rows = self._counted(connection, _OF_TENANTS, len(ids), pool=pool, ids=ids)
            return PoolSizes(
                {
                    name: self._member(name, row, len(ids), level.ahead[name], level.weight(name))
                    for name, row in ((row.name.hex, row) for row in rows)
                    # Whoever has none left by now.
                    if row.queued
                },
                tuple(row.model for row in rows if row.queued),
            )

    def of_tenant(self, pool: str, tenant_id: UUID) -> TenantQueue:
        """The tenant's queued jobs by priority and group, but for groups that may not claim now."""
        found: dict[int, dict[str, Member]] = {}
        above = -1
        with self._database.read() as connection:
            while (level := Groups.of(connection, pool, tenant_id, above, {})) is not None:
                above = level.priority
                found[above] = self._groups(connection, pool, tenant_id, level)
        return TenantQueue(found)

    def place(self, pool: str, tenant_id: UUID, rank: int, group: str) -> Place:
        """A group's queued jobs of one priority, the oldest first."""
        at = {"pool": pool, "tenant": tenant_id, "priority": rank, "group": group}
        with self._database.read() as connection:
            found: list[Any] = list(connection.scalars(self._ids, at))
        hex_digits = self._database.is_sqlite
        ids = bytes.fromhex("".join(found)) if hex_digits else b"".join(found)
        return Place(ids, len(found) < self._most)

    def weight(self, tenant_id: UUID) -> int:
        """The tenant's weight, whether or not it has queued work."""
        with self._database.read() as connection:
            found = connection.scalar(select(tenants.c.weight).where(tenants.c.id == tenant_id))
        return int(found or 1)

    def _groups(
        self, connection: Connection, pool: str, tenant_id: UUID, level: Groups
    ) -> dict[str, Member]:
        ahead = level.ahead
        names = list(ahead)
        rows = self._counted(
            connection,
            _OF_GROUPS[connection.dialect.name],
            len(names),
            pool=pool,
            tenant=tenant_id,
            priority=level.priority,
            names=json.dumps(names) if self._database.is_sqlite else names,
        )
        return {
            row.name: self._member(row.name, row, len(names), ahead[row.name])
            for row in rows
            if row.queued
        }

    def _counted(
        self, connection: Connection, sizes: Any, members: int, **at: Any
    ) -> Iterable[Row[Any]]:
        if not members:
            return []
        some = max(1, min(_SAMPLE, _MOST_SAMPLED // members))
        return connection.execute(sizes, {**at, "most": self._share(members), "some": some}).all()

    def _member(
        self, name: str, row: Row[Any], members: int, ahead: int, weight: int = 1
    ) -> Member:
        more = row.queued >= self._share(members)
        return Member(name, Money(int(row.cost)), row.queued, more, ahead, weight)

    def _share(self, members: int) -> int:
        return max(_LEAST_COUNTED, self._most // members)
