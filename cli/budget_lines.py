"""Budgets in lines for a person at a terminal, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from db.budgets import Drift
from jobs import money
from jobs.budgets import Budget, Share
from jobs.money import Money

_HEAD = ("TENANT", "PERIOD", "LIMIT", "SPENT", "RESERVED", "LEFT", "RESETS", "ALERTS")


def budget_lines(found: Mapping[str, Sequence[Budget]]) -> Iterator[str]:
    """A table of the budgets of all tenants that have one."""
    if not found:
        yield "no tenant has a budget: each may spend what the accounts have"
        return
    rows = [_HEAD, *(_row(tenant, one) for tenant, budgets in found.items() for one in budgets)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for tenant, budgets in found.items():
        for one in budgets:
            if one.overshoot:
                yield (
                    f"{tenant}: the {one.period} budget is exceeded by "
                    f"${money.text(one.overshoot)}: nothing new is admitted"
                )


def _row(tenant: str, budget: Budget) -> tuple[str, ...]:
    resets = budget.resets_at
    crossed = budget.alerts_crossed
    return (
        tenant,
        str(budget.period),
        f"${money.text(budget.limit)}",
        f"${money.text(Money(budget.share.spent))}",
        f"${money.text(Money(budget.share.reserved))}",
        f"${money.text(budget.left)}",
        f"{resets:%Y-%m-%d}" if resets else "never",
        ", ".join(f"{one}%{' crossed' if one in crossed else ''}" for one in budget.alerts) or "-",
    )


def as_json(found: Mapping[str, Sequence[Budget]]) -> dict[str, Any]:
    """The same as `GET /api/v1/budget` tells each of them."""
    return {
        "tenants": [
            {"name": tenant, "budgets": [_document(one) for one in budgets]}
            for tenant, budgets in found.items()
        ]
    }


def _document(budget: Budget) -> dict[str, Any]:
    return {
        "period": str(budget.period),
        "limit": money.text(budget.limit),
        **_share(budget.share),
        "left": money.text(budget.left),
        "overshoot": money.text(budget.overshoot),
        "resets_at": budget.resets_at.isoformat() if budget.resets_at else None,
        "alerts": list(budget.alerts),
        "alerts_crossed": list(budget.alerts_crossed),
    }


def drift_lines(found: Sequence[Drift], *, fixed: bool) -> Iterator[str]:
    """What a check found."""
    for one in found:
        yield (
            f"tenant {one.tenant}, {one.period} from {one.start} on: {_words(one.kept)} stand there, "
            f"jobs and calls say {_words(one.counted)}"
        )
    if not found:
        yield "every sum is what its jobs and calls say"
    else:
        yield f"{len(found)} put right" if fixed else f"{len(found)} wrong: `--fix` puts them right"


def drift_as_json(found: Sequence[Drift]) -> list[dict[str, Any]]:
    return [
        {
            "tenant": one.tenant,
            "period": str(one.period),
            "start": one.start,
            "kept": _share(one.kept),
            "counted": _share(one.counted),
        }
        for one in found
    ]


def _words(share: Share) -> str:
    return (
        f"${money.text(Money(share.reserved))} reserved and ${money.text(Money(share.spent))} spent"
    )


def _share(share: Share) -> dict[str, str]:
    return {
        "spent": money.text(Money(share.spent)),
        "reserved": money.text(Money(share.reserved)),
    }
