"""Whose job is next: walks the order index, so the cost does not grow with what is queued.

Both levels (the pool's tenants, then a tenant's groups) follow `jobs/order.py`. The distinct
members with queued work are found by hopping from one to the next in the index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    String,
    Uuid,
    bindparam,
    case,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from db.tables import jobs, order_levels, order_passes, tenants
from jobs.order import Turn, next_turn, price_of_turn
from jobs.states import State

# Every look below asks for the whole order of the index (pool, tenant, priority, group, id), though
# its first row is all it wants. Another index that begins alike would find a first row too, and
# PostgreSQL takes it when most jobs are queued as it last counted; then it steps over all that have
# ended since. For the same reason priority and group are compared as a row there and not for
# equality: what is equal to a constant drops out of an order.

# Tenants with queued work, each with its weight, its pass and the level's clock. Ids are compared
# as 32 hex digits: one database prints a UUID with hyphens, the other keeps it without.
_TENANTS = text("""
WITH RECURSIVE hop(member) AS (
  SELECT (SELECT tenant_id FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
          ORDER BY tenant_id, priority, group_name, id LIMIT 1)
  UNION ALL
  SELECT (SELECT tenant_id FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
          AND tenant_id > hop.member ORDER BY tenant_id, priority, group_name, id LIMIT 1)
  FROM hop WHERE hop.member IS NOT NULL
)
SELECT t.id, t.weight, coalesce(p.pass, 0) AS passed, coalesce(l.clock, 0) AS clock
FROM hop
JOIN tenants t ON t.id = hop.member
LEFT JOIN order_levels l ON l.level = :level
LEFT JOIN order_passes p
  ON p.level = :level AND p.member = replace(CAST(hop.member AS TEXT), '-', '')
""").columns(id=Uuid)

# The groups of a tenant's highest priority below :above that has queued work, likewise.
_GROUPS = """
WITH RECURSIVE hop(priority, member) AS (
  SELECT first.priority, first.group_name FROM (
    SELECT priority, group_name FROM jobs
    WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
    AND tenant_id = :tenant AND priority > :above
    ORDER BY priority, group_name, id LIMIT 1
  ) AS first
  UNION ALL
  SELECT hop.priority, (
    SELECT group_name FROM jobs WHERE pool = :pool AND state = 'queued' AND held_for IS NULL
    AND tenant_id = :tenant AND {next_group}
    ORDER BY priority, group_name, id LIMIT 1
  ) FROM hop WHERE hop.member IS NOT NULL
)
SELECT hop.priority, hop.member, coalesce(p.pass, 0) AS passed, coalesce(l.clock, 0) AS clock
FROM hop
LEFT JOIN order_levels l ON l.level = CAST(:prefix AS TEXT) || hop.priority
LEFT JOIN order_passes p
  ON p.level = CAST(:prefix AS TEXT) || hop.priority AND p.member = hop.member
WHERE hop.member IS NOT NULL
"""
_NEXT_GROUP = {
    "postgresql": "(priority, group_name) > (hop.priority, hop.member) "
    "AND priority <= hop.priority",
    # Here a row would be looked up by its first column alone.
    "sqlite": "priority = hop.priority AND group_name > hop.member",
}
_GROUPS_OF = {
    dialect: text(_GROUPS.replace("{next_group}", words)).bindparams(
        bindparam("tenant", type_=Uuid)
    )
    for dialect, words in _NEXT_GROUP.items()
}

IN_ORDER = (jobs.c.tenant_id, jobs.c.priority, jobs.c.group_name, jobs.c.id)
"""The order of a pool's index, for every statement that is to use it and no other."""


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


def in_order() -> tuple[ColumnElement[bool], ...]:
    """Whether a job is queued and not held: the predicate of the order's partial index."""
    # Written out and not bound, or the planner cannot see that the partial index serves.
    return jobs.c.state == literal_column(f"'{State.QUEUED}'"), jobs.c.held_for.is_(None)


def next_place(connection: Connection, pool: str, passed_over: frozenset[Place]) -> Place | None:
    """The place whose oldest job goes next, leaving out those that turned out to be empty.

    (A place looks full and is empty when other workers are claiming its last jobs right now, or
    when all its jobs are too late.)
    """
    rows = connection.execute(_TENANTS, {"pool": pool, "level": _pool_level(pool)}).all()
    found = {row.id.hex: row for row in rows}
    passes = {member: row.passed for member, row in found.items()}
    clock = rows[0].clock if rows else 0
    while (turn := next_turn(clock, passes)) is not None:
        row = found[turn.member]
        place = _within(connection, pool, (row.id, row.weight), turn, passed_over)
        if place is not None:
            return place
        del passes[turn.member]
    return None


def _within(
    connection: Connection,
    pool: str,
    tenant: tuple[UUID, int],
    tenant_turn: Turn,
    passed_over: frozenset[Place],
) -> Place | None:
    owner, weight = tenant
    empty = {(p.priority, p.group) for p in passed_over if p.tenant_id == owner}
    above = -1
    while True:
        at = {"pool": pool, "tenant": owner, "prefix": _tenant_level(owner, ""), "above": above}
        rows = connection.execute(_GROUPS_OF[connection.dialect.name], at).all()
        if not rows:
            return None
        priority, clock = rows[0].priority, rows[0].clock
        passes = {r.member: r.passed for r in rows if (priority, r.member) not in empty}
        turn = next_turn(clock, passes)
        if turn is not None:
            return Place(pool, owner, weight, priority, turn.member, tenant_turn, turn)
        above = priority


def charge(connection: Connection, place: Place, cost: int, *, postgres: bool) -> None:
    """Let the tenant and the group pay for their turn, and move both clocks on.

    Written as additions to what stands there now, so that two claims at once lose neither.
    """
    pay, move_on = _PAY[postgres], _MOVE_ON[postgres]
    turns = [
        {"at_level": level, "by": turn.member, "at": turn.at, "price": price_of_turn(cost, weight)}
        for level, turn, weight in place.levels
    ]
    connection.execute(pay, turns)
    connection.execute(move_on, [{"at_level": t["at_level"], "at": t["at"]} for t in turns])


def _upserts(insert: Callable[..., Any]) -> tuple[Executable, Executable]:
    at, price = bindparam("at", type_=BigInteger), bindparam("price", type_=BigInteger)
    level = bindparam("at_level", type_=String)
    passed, clock = order_passes.c["pass"], order_levels.c.clock
    pay = insert(order_passes).values(
        {"level": level, "member": bindparam("by", type_=String), "pass": at + price}
    )
    move_on = insert(order_levels).values(level=level, clock=at)
    return (
        pay.on_conflict_do_update(
            index_elements=["level", "member"],
            set_={"pass": case((passed > at, passed), else_=at) + price},
        ),
        move_on.on_conflict_do_update(
            index_elements=["level"], set_={"clock": case((clock > at, clock), else_=at)}
        ),
    )


_PAY, _MOVE_ON = zip(_upserts(sqlite.insert), _upserts(postgresql.insert), strict=True)


def refund(
    connection: Connection, *, pool: str, tenant: UUID, priority: int, group: str, cost: int
) -> None:
    """Give a turn's price back: the call never left."""
    weight = connection.scalar(select(tenants.c.weight).where(tenants.c.id == tenant)) or 1
    for level, member, share in (
        (_pool_level(pool), tenant.hex, weight),
        (_tenant_level(tenant, priority), group, 1),
    ):
        passed = order_passes.c["pass"]
        connection.execute(
            order_passes.update()
            .where(order_passes.c.level == level, order_passes.c.member == member)
            .values({"pass": passed - price_of_turn(cost, share)})
        )


def forget_settled(connection: Connection) -> int:
    """Drop passes at or below their level's clock: they mean the same as no row.

    Rows that a claim holds are left for the next time: a claim takes a tenant's row and a group's
    in that order, and waiting for one while holding the other would be a deadlock.
    """
    settled = (
        select(order_passes.c.level, order_passes.c.member)
        .join(order_levels, order_levels.c.level == order_passes.c.level)
        .where(order_passes.c["pass"] <= order_levels.c.clock)
        .with_for_update(skip_locked=True, of=order_passes)
    )
    return connection.execute(
        order_passes.delete().where(
            tuple_(order_passes.c.level, order_passes.c.member).in_(settled)
        )
    ).rowcount


def _pool_level(pool: str) -> str:
    return f"pool:{pool}"


def _tenant_level(tenant: UUID, priority: int | str) -> str:
    return f"tenant:{tenant.hex}:{priority}"
