"""Sums of budgets, counted anew from jobs and calls."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update

from db.budgets import BudgetStore
from db.engine import Database
from db.tables import attempts, budget_periods
from jobs.budgets import Period, Share
from jobs.money import Money
from tests.db.conftest import PRICE, Claimer, Submit


def test_calls_of_a_period_that_has_no_row_are_found(
    database: Database,
    submit: Submit,
    claim: Claimer,
    tenant: UUID,
) -> None:
    """As after workers of an earlier version, which know of no budget."""
    budgets = BudgetStore(database)
    submit()
    claim()
    budgets.set(tenant, Money(3 * PRICE), Period.DAY)
    with database.write() as connection:
        connection.execute(delete(budget_periods))
    (found,) = budgets.check()
    assert (found.period, found.kept, found.counted) == (Period.DAY, Share(), Share(PRICE))
    assert budgets.check(fix=True) == [found]
    assert budgets.of_tenant(tenant)[0].share == Share(PRICE)
    assert budgets.check() == []


def test_a_new_budget_of_a_day_counts_what_was_claimed_in_it(
    database: Database,
    submit: Submit,
    claim: Claimer,
    tenant: UUID,
) -> None:
    budgets = BudgetStore(database)
    for _ in range(3):
        submit()
    old = claim()
    with database.write() as connection:
        connection.execute(
            update(attempts)
            .where(attempts.c.id == old.attempt_id)
            .values(claimed_at=datetime.now(UTC) - timedelta(days=40))
        )
    claim()
    for period in (Period.DAY, Period.MONTH):
        assert budgets.set(tenant, Money(3 * PRICE), period).share == Share(PRICE)
    assert budgets.set(tenant, Money(9 * PRICE), Period.TOTAL).share == Share(3 * PRICE)
    assert budgets.check() == []
