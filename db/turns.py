"""Whose job is next: walks the order index, so the cost does not grow with what is queued.

Both levels (the pool's tenants, then a tenant's groups) follow `jobs/order.py`. The distinct
members with queued work are found by hopping from one to the next in the index.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Row,
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


def in_order() -> tuple[ColumnElement[bool], ...]:
    """Whether a job is queued and not held: the predicate of the order's partial index."""
    # Written out and not bound, or the planner cannot see that the partial index serves.
    return jobs.c.state == literal_column(f"'{State.QUEUED}'"), jobs.c.held_for.is_(None)


@dataclass(frozen=True)
class Charge:
    """What a turn adds to its member's pass: `price`, from `at` on."""

    level: str
    member: str
    at: int
    price: int


class _Level:
    """A level's clock and the passes of those with queued work, as far as turns were given out.

    What is paid here is only thought: `charge` writes it down.
    """

    def __init__(self, level: str, clock: int, passes: dict[str, int]) -> None:
        self._level = level
        self._clock = clock
        self._passes = passes

    def __len__(self) -> int:
        return len(self._passes)

    @property
    def ahead(self) -> dict[str, int]:
        """The members, and how far each one's pass is beyond the clock."""
        return {member: max(0, own - self._clock) for member, own in self._passes.items()}

    def next(self) -> Turn | None:
        return next_turn(self._clock, self._passes)

    def leave_out(self, turn: Turn) -> None:
        """The member turned out to have nothing."""
        del self._passes[turn.member]

    def _pay(self, turn: Turn, price: int) -> Charge:
        self._clock = turn.clock
        self._passes[turn.member] = turn.at + price
        return Charge(self._level, turn.member, turn.at, price)


class Tenants(_Level):
    """The tenants of a pool with queued work."""

    def __init__(self, connection: Connection, pool: str) -> None:
        level = _pool_level(pool)
        rows = connection.execute(_TENANTS, {"pool": pool, "level": level}).all()
        self._rows = {row.id.hex: row for row in rows}
        passes = {member: row.passed for member, row in self._rows.items()}
        super().__init__(level, rows[0].clock if rows else 0, passes)

    def of(self, turn: Turn) -> Row[Any]:
        """The tenant's row: `id`, `weight`."""
        return self._rows[turn.member]

    def weight(self, member: str) -> int:
        return int(self._rows[member].weight)

    def pay(self, turn: Turn, cost: int) -> Charge:
        """Let the tenant pay for its turn; the next turn is given out after that."""
        return self._pay(turn, price_of_turn(cost, self._rows[turn.member].weight))


class Groups(_Level):
    """The groups of one priority of a tenant with queued work."""

    def __init__(self, level: str, priority: int, clock: int, passes: dict[str, int]) -> None:
        super().__init__(level, clock, passes)
        self.priority = priority

    @classmethod
    def of(cls, connection: Connection, pool: str, tenant: UUID, above: int) -> Self | None:
        """Those of the tenant's highest priority after `above` (a rank); None when none is left."""
        at = {"pool": pool, "tenant": tenant, "prefix": _tenant_level(tenant, ""), "above": above}
        rows = connection.execute(_GROUPS_OF[connection.dialect.name], at).all()
        if not rows:
            return None
        priority = rows[0].priority
        passes = {row.member: row.passed for row in rows}
        return cls(_tenant_level(tenant, priority), priority, rows[0].clock, passes)

    def pay(self, turn: Turn, cost: int) -> Charge:
        """Let the group pay for its turn."""
        return self._pay(turn, price_of_turn(cost, 1))


def charge(connection: Connection, charges: Iterable[Charge], *, postgres: bool) -> None:
    """Write down what turns cost, and move the levels' clocks on. `charges` in the turns' order.

    Written as additions to what stands there now, so that two claims at once lose neither. A member
    that had several turns pays for them together, and rows are always written in one order: two
    transactions that each wait for the other's row would be a deadlock.
    """
    pay, move_on = _PAY[postgres], _MOVE_ON[postgres]
    members: dict[tuple[str, str], Charge] = {}
    clocks: dict[str, int] = {}
    for one in charges:
        earlier = members.get((one.level, one.member))
        if earlier is not None:
            one = replace(earlier, price=earlier.price + one.price)  # noqa: PLW2901
        members[one.level, one.member] = one
        clocks[one.level] = max(one.at, clocks.get(one.level, 0))
    turns = [members[key] for key in sorted(members)]
    connection.execute(
        pay, [{"at_level": t.level, "by": t.member, "at": t.at, "price": t.price} for t in turns]
    )
    connection.execute(
        move_on, [{"at_level": level, "at": clocks[level]} for level in sorted(clocks)]
    )


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


@dataclass(frozen=True)
class Refund:
    """A turn of a job whose call never left."""

    pool: str
    tenant: UUID
    priority: int
    group: str
    cost: int


def refund(connection: Connection, refunds: Iterable[Refund]) -> None:
    """Give the turns' prices back; in the order in which `charge` writes, too."""
    back: Counter[tuple[str, str]] = Counter()
    for one in refunds:
        weight = connection.scalar(select(tenants.c.weight).where(tenants.c.id == one.tenant)) or 1
        back[_pool_level(one.pool), one.tenant.hex] += price_of_turn(one.cost, weight)
        back[_tenant_level(one.tenant, one.priority), one.group] += price_of_turn(one.cost, 1)
    passed = order_passes.c["pass"]
    for level, member in sorted(back):
        connection.execute(
            order_passes.update()
            .where(order_passes.c.level == level, order_passes.c.member == member)
            .values({"pass": passed - back[level, member]})
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
