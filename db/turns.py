"""Whose job is next: walks the order index, so the cost does not grow with what is queued.

Both levels (the pool's tenants, then a tenant's groups) follow `jobs/order.py`. Whoever may not
claim now (`db/eligibility.py`) is left out of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, literal_column

from db.eligibility import Eligible, of_groups, of_tenants
from db.order_looks import GROUPS, TENANTS
from db.passes import Charge, pool_level, tenant_level
from db.tables import jobs
from jobs.money import Money
from jobs.order import Turn, next_turn, price_of_turn
from jobs.states import State

IN_ORDER = (jobs.c.tenant_id, jobs.c.priority, jobs.c.group_name, jobs.c.id)
"""The order of a pool's index, for every statement that is to use it and no other."""


def in_order() -> tuple[ColumnElement[bool], ...]:
    """Whether a job is queued and not held: the predicate of the order's partial index."""
    # Written out and not bound, or the planner cannot see that the partial index serves.
    return jobs.c.state == literal_column(f"'{State.QUEUED}'"), jobs.c.held_for.is_(None)


class _Level:
    """A level's clock and the passes of those with queued work who may claim, as far as turns were
    given out.

    What is paid here is only thought: `db/passes.py` writes it down.
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
        level = pool_level(pool)
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
        at = {"pool": pool, "tenant": tenant, "prefix": tenant_level(tenant, ""), "above": above}
        rows = connection.execute(GROUPS[connection.dialect.name], at).all()
        if not rows:
            return None
        priority = rows[0].priority
        eligible = of_groups(connection, tenant, {row.member: row for row in rows}, taken)
        passes = {row.member: row.passed for row in rows if row.member not in eligible.left_out}
        level = tenant_level(tenant, priority)
        return cls(level, priority, rows[0].clock, passes, eligible.room)

    def pay(self, turn: Turn, cost: int) -> Charge:
        """Let the group pay for its turn."""
        return self._pay(turn, price_of_turn(cost, 1))
