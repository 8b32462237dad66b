"""What budgets leave, at a look without a lock: which tenants are out of the order, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, func, select

from db.budget_books import held_of, limit_of
from db.engine import Database
from db.tables import budget_periods, budgets
from jobs.budgets import OF_CLAIMS, Budget, Period, start_of
from jobs.money import Money

ASKED_AGAIN_AFTER = timedelta(seconds=10)
"""A tenant whose next job was not covered is left out for so long, as long as no more is left: until
then nobody asks whether another job is next by now, one that costs less."""


@dataclass
class Plan:
    """What a claim may choose of. `out`: tenants whose budget admits nothing, each with the budget.

    What is chosen is thought of as reserved; the claim makes sure of it with the rows locked.
    """

    out: Mapping[UUID, Budget] = field(default_factory=dict)
    left: dict[UUID, int] = field(default_factory=dict)
    short: dict[UUID, Money] = field(default_factory=dict)
    """Tenants whose next job was not covered, with its price."""

    def affords(self, tenant: UUID, price: int) -> bool:
        """Whether the tenant's budgets cover one more call; then it counts."""
        left = self.left.get(tenant)
        if left is None:
            return True
        if price > left:
            self.short[tenant] = Money(price)
            return False
        self.left[tenant] = left - price
        return True


class BudgetLooks:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database) -> None:
        newest = budget_periods.alias("newest")
        self._of_claims = (
            select(
                budgets,
                budget_periods.c.starts_on,
                budget_periods.c.spent,
                budget_periods.c.reserved,
                budget_periods.c.alerted,
                budget_periods.c.short_price,
                budget_periods.c.short_at,
                database.now.label("at"),
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
            .where(budgets.c.period.in_(list(OF_CLAIMS)))
        )

    def plan(self, connection: Connection, *, for_show: bool = False) -> Plan:
        """What the budgets of days and months leave now.

        `for_show`: also whose next job was not covered when it was last asked, however long ago.
        """
        out: dict[UUID, Budget] = {}
        lefts: dict[UUID, int] = {}
        for row in connection.execute(self._of_claims):
            budget = _now(row)
            if budget.left <= 0 or _is_short(row, budget, for_show=for_show):
                out[row.tenant_id] = _later(out.get(row.tenant_id), budget)
            lefts[row.tenant_id] = min(lefts.get(row.tenant_id, budget.left), budget.left)
        return Plan(out, lefts)


def _now(row: Any) -> Budget:
    """The budget in the period that has begun by now; nothing may have been claimed in it."""
    budget = limit_of(row)
    start = start_of(budget.period, row.at)
    if row.starts_on is None or row.starts_on < start:
        return Budget(budget.period, start, budget.limit, alerts=budget.alerts)
    return held_of(budget, row)


def _is_short(row: Any, budget: Budget, *, for_show: bool) -> bool:
    if row.starts_on != budget.start or row.short_price is None or row.short_price <= budget.left:
        return False
    asked_at: datetime = row.short_at
    return for_show or row.at - asked_at < ASKED_AGAIN_AFTER


def _later(one: Budget | None, other: Budget) -> Budget:
    """Of a day and a month that admit nothing the one that does so for longer."""
    return one if one is not None and one.period is Period.MONTH else other
