"""`segq budget`: what tenants may spend and have spent, and every sum of it counted anew."""

import argparse
import json
import os
import re
from pathlib import Path

from cli.admin_database import admin_database
from cli.budget_lines import as_json, budget_lines, drift_as_json, drift_lines
from cli.complaint import ComplaintError
from db.budgets import BudgetStore
from db.engine import Database
from db.tenants import TenantStore
from jobs import money
from jobs.budgets import Period
from jobs.money import Money

NONE = "none"
MOST_ALERTS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "segq budget list [--json] | segq budget check [--fix] [--json]"
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", prog="segq budget", required=True)
    shown = verbs.add_parser("list", help="every tenant's budgets, and what is left of them")
    shown.add_argument("--json", action="store_true", help="the same as JSON")
    check = verbs.add_parser(
        "check",
        help="count what jobs and calls hold anew",
        description="Compares every sum with the rows of jobs and calls; ends with 1 where one is "
        "something else. --fix puts those right.",
    )
    check.add_argument("--fix", action="store_true", help="put right what is wrong")
    check.add_argument("--json", action="store_true", help="the differences as JSON")


def run(options: argparse.Namespace) -> int:
    with admin_database(os.environ, Path.cwd()) as database:
        store = BudgetStore(database)
        return _check(store, options) if options.verb == "check" else _list(store, options)


def _list(store: BudgetStore, options: argparse.Namespace) -> int:
    found = store.all()
    lines = [json.dumps(as_json(found), indent=2)] if options.json else budget_lines(found)
    print("\n".join(lines))
    return 0


def _check(store: BudgetStore, options: argparse.Namespace) -> int:
    drift = store.check(fix=options.fix)
    if options.json:
        print(json.dumps({"drift": drift_as_json(drift)}, indent=2))
    else:
        print("\n".join(drift_lines(drift, fixed=options.fix)))
    return 1 if drift and not options.fix else 0


def set_budget(
    database: Database,
    name: str,
    amount: Money | None,
    period: Period,
    alerts: tuple[int, ...] | None,
) -> str:
    """Set a tenant's budget, or take it away (None); what was done, in a line. `alerts` None: as they
    are. Raises `NotFound`.
    """
    store, tenant = BudgetStore(database), TenantStore(database).named(name)
    if amount is None:
        had = store.remove(tenant.id, period)
        return f"tenant {name} {f'has no {period} budget any more' if had else f'had no {period} budget'}"
    budget = store.set(tenant.id, amount, period, alerts)
    return f"tenant {name}: {budget.in_words()}, {money.text(budget.left)} are left"


def amount_of(text: str) -> Money | None:
    """USD, 0 or more; None for `none`. Raises `ComplaintError` for anything else."""
    if text == NONE:
        return None
    try:
        amount = money.parse(text)
    except ValueError as error:
        raise ComplaintError(f"{error}: give USD such as 25 or 0.5, or {NONE}") from error
    if amount < 0:
        raise ComplaintError(f"a budget of {text} USD is less than nothing: give 0 or more")
    return amount


def alerts_of(text: str) -> tuple[int, ...]:
    """Percents, ascending, each once. Raises `ComplaintError` for what is none."""
    words = [one.strip() for one in text.split(",")] if text.strip() else []
    wrong = [one for one in words if not re.fullmatch(r"[1-9]\d{0,2}", one, re.ASCII)]
    if wrong or len(words) > MOST_ALERTS:
        raise ComplaintError(
            f"--alert {text!r}: give up to {MOST_ALERTS} whole percents from 1 to 999, such as "
            "50,80,100"
        )
    return tuple(sorted({int(one) for one in words}))
