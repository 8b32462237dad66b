"""A budget as the API shows it."""

from typing import Any

from api_gateway import times
from jobs import money
from jobs.budgets import Budget
from jobs.money import Money


def numbers(budget: Budget) -> dict[str, str]:
    """What it allows and holds, in decimal text, USD."""
    return {
        "period": str(budget.period),
        "limit": money.text(budget.limit),
        "spent": money.text(Money(budget.share.spent)),
        "reserved": money.text(Money(budget.share.reserved)),
        "left": money.text(budget.left),
    }


def document(budget: Budget) -> dict[str, Any]:
    """The budget in its period of now."""
    return {
        **numbers(budget),
        "overshoot": money.text(budget.overshoot),
        "resets_at": times.text(budget.resets_at),
        "alerts": list(budget.alerts),
        "alerts_crossed": list(budget.alerts_crossed),
    }
