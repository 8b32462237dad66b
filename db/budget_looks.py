"""What budgets of days and months leave, at a look without a lock.

The claim chooses its jobs by it, and makes sure of them with the rows locked (db/budget_books.py).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, and_, func, select

from db.among import one_of
from db.budget_books import held_of, limit_of
from db.engine import clock
from db.tables import budget_periods, budgets
from jobs.budgets import OF_CLAIMS, Budget, Short, start_of
from jobs.money import Money

ASKED_AGAIN_AFTER = timedelta(seconds=10)
"""A tenant whose next job was not covered is left out for so long, as long as no more is left: until
then nobody asks whether another job is next by now, one that costs less."""


@dataclass
class Left:
    """What some tenants' budgets leave: 10⁻¹⁰ USD, of each the least."""

    out: dict[UUID, Short] = field(default_factory=dict)
    """Whose budget admits nothing, each with that budget."""
    left: dict[UUID, int] = field(default_factory=dict)
    was_short: dict[UUID, Short] = field(default_factory=dict)
    """Whose next job was not covered when last somebody asked, a while ago."""


def look(connection: Connection, tenant_ids: Collection[UUID]) -> Left:
    """What the budgets of days and months of these tenants leave now."""
    found = Left()
    sqlite = connection.dialect.name == "sqlite"
    for row in connection.execute(_OF_CLAIMS[sqlite], {"tenants": list(tenant_ids)}):
        tenant, budget = row.tenant_id, _now(row)
        price = _was_short(row, budget)
        if budget.left <= 0 or (price and row.at - row.short_at < ASKED_AGAIN_AFTER):
            found.out[tenant] = _later(found.out.get(tenant), Short(budget, price))
        elif price:
            found.was_short[tenant] = _later(found.was_short.get(tenant), Short(budget, price))
        found.left[tenant] = min(found.left.get(tenant, budget.left), budget.left)
    return found


def _of_claims(*, sqlite: bool) -> Select[Any]:
    newest = budget_periods.alias("newest")
    return (
        select(
            budgets,
            budget_periods.c.starts_on,
            budget_periods.c.spent,
            budget_periods.c.reserved,
            budget_periods.c.alerted,
            budget_periods.c.short_price,
            budget_periods.c.short_at,
            clock(sqlite=sqlite).label("at"),
        )
        .outerjoin_from(
            budgets,
            budget_periods,
            and_(
                budget_periods.c.tenant_id == budgets.c.tenant_id,
                budget_periods.c.period == budgets.c.period,
                budget_periods.c.starts_on
                == select(func.max(newest.c.starts_on))
                .where(
                    newest.c.tenant_id == budgets.c.tenant_id,
                    newest.c.period == budgets.c.period,
                )
                .scalar_subquery(),
            ),
        )
        .where(
            one_of(budgets.c.tenant_id, "tenants", sqlite=sqlite),
            budgets.c.period.in_(list(OF_CLAIMS)),
        )
    )


_OF_CLAIMS = {sqlite: _of_claims(sqlite=sqlite) for sqlite in (True, False)}


def _now(row: Any) -> Budget:
    """The budget in the period that has begun by now; nothing may have been claimed in it."""
    budget = limit_of(row)
    start = start_of(budget.period, row.at)
    if row.starts_on is None or row.starts_on < start:
        return Budget(budget.period, start, budget.limit, alerts=budget.alerts)
    return held_of(budget, row)


def _was_short(row: Any, budget: Budget) -> Money | None:
    """The price of the next job when last somebody asked, where it would not be covered now either."""
    if row.starts_on != budget.start or row.short_price is None:
        return None
    return Money(row.short_price) if row.short_price > budget.left else None


def _later(one: Short | None, other: Short) -> Short:
    """Of a day and a month that admit nothing the one that does so for longer."""
    return max((other, one), key=lambda short: (short.is_for_good, _rank(short))) if one else other


def _rank(short: Short) -> int:
    return OF_CLAIMS.index(short.budget.period)
