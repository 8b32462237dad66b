"""What is told of budgets, once for each thing that happened."""

from uuid import UUID

import structlog

from jobs import money
from jobs.budgets import Budget
from jobs.money import Money

log = structlog.get_logger()


def tell_alert(tenant: UUID, budget: Budget, percent: int) -> None:
    """A percentage was reached for the first time in this period."""
    log.warning(
        "budget_alert",
        tenant=str(tenant),
        period=str(budget.period),
        since=budget.start.isoformat(),
        percent=percent,
        limit=money.text(budget.limit),
        used=money.text(Money(budget.share.used)),
    )


def tell_overshoot(tenant: UUID, budget: Budget) -> None:
    """A call under way cost more than its estimate, and more than was left."""
    log.warning(
        "budget_overshot",
        tenant=str(tenant),
        period=str(budget.period),
        since=budget.start.isoformat(),
        limit=money.text(budget.limit),
        overshoot=money.text(budget.overshoot),
    )
