"""Whose job is next: walks the order index, so the cost does not grow with what is queued.

Both levels (the pool's tenants, then a tenant's groups) follow `jobs/order.py`. Whoever may not
claim now (`db/eligibility.py`) is left out of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    bindparam,
    case,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from db.eligibility import Eligible, of_groups, of_tenants
from db.order_looks import GROUPS, TENANTS
from db.tables import jobs, order_levels, order_passes, tenants
from jobs.money import Money
from jobs.order import Turn, next_turn, price_of_turn
from jobs.states import State

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
    """A level's clock and the passes of those with queued work who may claim, as far as turns were
    given out.

    What is paid here is only thought: `charge` writes it down.
    """

    def __init__(
        self, level: str, clock: int, passes: dict[str, int], room: Mapping[str, int]
    ) -> None:
        """`room`: how many turns each member that has a cap may get."""
        self._level = level
        self._clock = clock
        self._passes = passes
        self._room = dict(room)

    def __iter__(self) -> Iterator[tuple[str, int | None]]:
        """The members, each with how many turns its cap leaves it; None: it has no cap."""
        return ((member, self._room.get(member)) for member in self._passes)

    @property
    def ahead(self) -> dict[str, int]:
        """The members, and how far each one's pass is beyond the clock."""
        return {member: max(0, own - self._clock) for member, own in self._passes.items()}

    def next(self) -> Turn | None:
        return next_turn(self._clock, self._passes)

    def leave_out(self, turn: Turn) -> None:
        """The member turned out to have nothing."""
        del self._passes[turn.member]

    def is_capped(self, turn: Turn) -> bool:
        """Whether a cap bounds how many of the member's jobs run."""
        return turn.member in self._room

    def share(self, turn: Turn, count: int) -> int:
        """How many of the next `count` turns are the member's at the most, about; at least one."""
        # Of many members each is asked for its share only: what is fetched is locked.
        return min(-(-count // len(self._passes)), self._room.get(turn.member, count))

    def _pay(self, turn: Turn, price: int) -> Charge:
        self._clock = turn.clock
        self._passes[turn.member] = turn.at + price
        if turn.member in self._room:
            self._room[turn.member] -= 1
            if not self._room[turn.member]:
                del self._passes[turn.member]
        return Charge(self._level, turn.member, turn.at, price)


class Tenants(_Level):
    """The tenants of a pool with queued work who may claim."""

    def __init__(self, connection: Connection, pool: str) -> None:
        level = _pool_level(pool)
        rows = connection.execute(TENANTS, {"pool": pool, "level": level}).all()
        self._rows = {row.id.hex: row for row in rows}
        eligible: Eligible[UUID] = of_tenants(connection, rows)
        self.left_out = eligible.left_out
        passes = {row.id.hex: row.passed for row in rows if row.id not in self.left_out}
        room = {tenant.hex: left for tenant, left in eligible.room.items()}
        self._left = {tenant.hex: left for tenant, left in eligible.left.items()}
        self.short: dict[UUID, Money] = {}
        super().__init__(level, rows[0].clock if rows else 0, passes, room)

    def of(self, turn: Turn) -> Row[Any]:
        """The tenant's row: `id`, `weight`."""
        return self._rows[turn.member]

    def weight(self, member: str) -> int:
        return int(self._rows[member].weight)

    def affords(self, turn: Turn, cost: int) -> bool:
        """Whether the tenant's budgets leave enough for a call of that price.

        One that is not covered stands in `short` from then on, under its tenant.
        """
        left = self._left.get(turn.member)
        if left is None or cost <= left:
            return True
        self.short[self._rows[turn.member].id] = Money(cost)
        return False

    def pay(self, turn: Turn, cost: int) -> Charge:
        """Let the tenant pay for its turn; the next turn is given out after that."""
        if turn.member in self._left:
            self._left[turn.member] -= cost
        return self._pay(turn, price_of_turn(cost, self._rows[turn.member].weight))


class Groups(_Level):
    """The groups of one priority of a tenant with queued work that may claim; perhaps none."""

    def __init__(
        self,
        level: str,
        priority: int,
        clock: int,
        passes: dict[str, int],
        room: Mapping[str, int],
    ) -> None:
        super().__init__(level, clock, passes, room)
        self.priority = priority

    @classmethod
    def of(
        cls, connection: Connection, pool: str, tenant: UUID, above: int, taken: Mapping[str, int]
    ) -> Self | None:
        """Those of the tenant's highest priority after `above` (a rank); None when none is left.

        `taken`: turns that groups got at a higher priority, for a cap is of all.
        """
        at = {"pool": pool, "tenant": tenant, "prefix": _tenant_level(tenant, ""), "above": above}
        rows = connection.execute(GROUPS[connection.dialect.name], at).all()
        if not rows:
            return None
        priority = rows[0].priority
        eligible = of_groups(connection, tenant, {row.member: row for row in rows}, taken)
        passes = {row.member: row.passed for row in rows if row.member not in eligible.left_out}
        level = _tenant_level(tenant, priority)
        return cls(level, priority, rows[0].clock, passes, eligible.room)

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
        # Of the last turn, whoever had it: a clock that stays behind lets a newcomer take as many
        # turns in a row as one claim gave out.
        clocks[one.level] = max(one.at, clocks.get(one.level, 0))
        earlier = members.get((one.level, one.member))
        if earlier is not None:
            one = replace(earlier, price=earlier.price + one.price)  # noqa: PLW2901
        members[one.level, one.member] = one
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
