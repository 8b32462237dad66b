"""Whose job is next: walks the order index, so the cost does not grow with what is queued.

Both levels (the pool's tenants, then a tenant's groups) follow `jobs/order.py`. The distinct
members with queued work are found by hopping from one to the next in the index.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, String, Uuid, bindparam, case, select, text
from sqlalchemy.dialects import postgresql, sqlite

from db.tables import order_levels, order_passes, tenants
from jobs.order import Turn, next_turn, price_of_turn

_TENANTS = text("""
WITH RECURSIVE hop(member) AS (
  SELECT (SELECT tenant_id FROM jobs WHERE pool = :pool AND state = 'queued'
          ORDER BY tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT tenant_id FROM jobs WHERE pool = :pool AND state = 'queued'
          AND tenant_id > hop.member ORDER BY tenant_id LIMIT 1)
  FROM hop WHERE hop.member IS NOT NULL
)
SELECT member FROM hop WHERE member IS NOT NULL
""").columns(member=Uuid)

_PRIORITY = text("""
SELECT priority FROM jobs WHERE pool = :pool AND state = 'queued' AND tenant_id = :tenant
ORDER BY priority LIMIT 1
""").bindparams(bindparam("tenant", type_=Uuid))

_GROUPS = (
    text("""
WITH RECURSIVE hop(member) AS (
  SELECT (SELECT group_name FROM jobs WHERE pool = :pool AND state = 'queued'
          AND tenant_id = :tenant AND priority = :priority ORDER BY group_name LIMIT 1)
  UNION ALL
  SELECT (SELECT group_name FROM jobs WHERE pool = :pool AND state = 'queued'
          AND tenant_id = :tenant AND priority = :priority AND group_name > hop.member
          ORDER BY group_name LIMIT 1)
  FROM hop WHERE hop.member IS NOT NULL
)
SELECT member FROM hop WHERE member IS NOT NULL
""")
    .bindparams(bindparam("tenant", type_=Uuid))
    .columns(member=String)
)


@dataclass(frozen=True)
class Place:
    """Where the next job stands: its tenant, priority and group, and the turns that led there."""

    pool: str
    tenant_id: UUID
    weight: int
    priority: int
    group: str
    tenant_turn: Turn
    group_turn: Turn

    @property
    def levels(self) -> tuple[tuple[str, Turn, int], ...]:
        """Each level with its turn and the weight by which a turn's cost is divided."""
        return (
            (_pool_level(self.pool), self.tenant_turn, self.weight),
            (_tenant_level(self.tenant_id, self.priority), self.group_turn, 1),
        )


def next_place(connection: Connection, pool: str, passed_over: frozenset[Place]) -> Place | None:
    """The place whose oldest job goes next, leaving out those that turned out to be empty.

    (A place looks full and is empty when other workers are claiming its last jobs right now.)
    """
    found = {str(member): member for member in connection.scalars(_TENANTS, {"pool": pool})}
    weights = _weights(connection, list(found.values()))
    clock, passes = _level(connection, _pool_level(pool), list(found))
    while passes:
        turn = next_turn(clock, passes)
        if turn is None:
            return None
        place = _within(connection, pool, found[turn.member], weights, turn, passed_over)
        if place is not None:
            return place
        del passes[turn.member]
    return None


def _within(
    connection: Connection,
    pool: str,
    tenant: UUID,
    weights: Mapping[UUID, int],
    tenant_turn: Turn,
    passed_over: frozenset[Place],
) -> Place | None:
    at = {"pool": pool, "tenant": tenant}
    priority = connection.scalar(_PRIORITY, at)
    if priority is None:
        return None
    empty = {place.group for place in passed_over if place.tenant_id == tenant}
    groups = connection.scalars(_GROUPS, {**at, "priority": priority})
    members = [group for group in groups if group not in empty]
    clock, passes = _level(connection, _tenant_level(tenant, priority), members)
    turn = next_turn(clock, passes)
    if turn is None:
        return None
    return Place(pool, tenant, weights[tenant], priority, turn.member, tenant_turn, turn)


def charge(connection: Connection, place: Place, cost: int, *, postgres: bool) -> None:
    """Let the tenant and the group pay for their turn, and move both clocks on.

    Written as additions to what stands there now, so that two claims at once lose neither.
    """
    insert = postgresql.insert if postgres else sqlite.insert
    for level, turn, weight in place.levels:
        price = price_of_turn(cost, weight)
        passed = order_passes.c["pass"]
        connection.execute(
            insert(order_passes)
            .values({"level": level, "member": turn.member, "pass": turn.at + price})
            .on_conflict_do_update(
                index_elements=["level", "member"],
                set_={"pass": case((passed > turn.at, passed), else_=turn.at) + price},
            )
        )
        clock = order_levels.c.clock
        connection.execute(
            insert(order_levels)
            .values(level=level, clock=turn.clock)
            .on_conflict_do_update(
                index_elements=["level"],
                set_={"clock": case((clock > turn.clock, clock), else_=turn.clock)},
            )
        )


def refund(
    connection: Connection, *, pool: str, tenant: UUID, priority: int, group: str, cost: int
) -> None:
    """Give a turn's price back: the call never left."""
    weight = _weights(connection, [tenant])[tenant]
    for level, member, share in (
        (_pool_level(pool), str(tenant), weight),
        (_tenant_level(tenant, priority), group, 1),
    ):
        passed = order_passes.c["pass"]
        connection.execute(
            order_passes.update()
            .where(order_passes.c.level == level, order_passes.c.member == member)
            .values({"pass": passed - price_of_turn(cost, share)})
        )


def forget_settled(connection: Connection) -> int:
    """Drop passes at or below their level's clock: they mean the same as no row."""
    clock = (
        select(order_levels.c.clock)
        .where(order_levels.c.level == order_passes.c.level)
        .scalar_subquery()
    )
    return connection.execute(order_passes.delete().where(order_passes.c["pass"] <= clock)).rowcount


def _pool_level(pool: str) -> str:
    return f"pool:{pool}"


def _tenant_level(tenant: UUID, priority: int) -> str:
    return f"tenant:{tenant}:{priority}"


def _weights(connection: Connection, members: list[UUID]) -> dict[UUID, int]:
    rows = connection.execute(
        select(tenants.c.id, tenants.c.weight).where(tenants.c.id.in_(members))
    )
    return {row.id: row.weight for row in rows}


def _level(connection: Connection, level: str, members: list[str]) -> tuple[int, dict[str, int]]:
    clock = connection.scalar(select(order_levels.c.clock).where(order_levels.c.level == level))
    rows = connection.execute(
        select(order_passes.c.member, order_passes.c["pass"]).where(
            order_passes.c.level == level, order_passes.c.member.in_(members)
        )
    )
    known = {row.member: row[1] for row in rows}
    return clock or 0, {member: known.get(member, 0) for member in members}
