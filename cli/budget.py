"""`segq budget`: what tenants may spend, set and shown, and every sum of it counted anew."""

import argparse
import json
import os
import re
from pathlib import Path
from uuid import UUID

from cli.budget_lines import as_json, budget_lines, drift_as_json, drift_lines
from cli.complaint import ComplaintError
from cli.home import Home
from cli.run_file import must_run
from cli.secret_files import with_secrets
from cli.settings import home_of
from db.budgets import BudgetStore
from db.engine import Database
from db.tenants import TenantStore
from jobs import money
from jobs.budgets import Period
from jobs.errors import SegqError
from jobs.money import Money

NONE = "none"
MOST_ALERTS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        "segq budget list [--json] | segq budget check [--fix] [--json] | "
        "segq budget set TENANT {USD,none} --period {total,day,month} [--alert PERCENT,…]"
    )
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
    limit = verbs.add_parser(
        "set",
        help="what a tenant may spend",
        description="In all, or in each day or month (UTC). It may be less than what is spent: then "
        "nothing new is admitted. `none` takes the bound away.",
    )
    limit.add_argument("tenant", metavar="TENANT")
    limit.add_argument("amount", metavar="USD", help=f"such as 25 or 0.5; or {NONE}")
    limit.add_argument("--period", choices=[str(one) for one in Period], required=True)
    limit.add_argument(
        "--alert", default="", metavar="PERCENT,…", help="tell once when so much is used: 50,80,100"
    )


def run(options: argparse.Namespace) -> int:
    database = Database(_database_url(), pool_size=1, overflow=0)
    try:
        return _run(database, options)
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    finally:
        database.close()


def _run(database: Database, options: argparse.Namespace) -> int:
    store = BudgetStore(database)
    match options.verb:
        case "list":
            found = store.all()
            lines = [json.dumps(as_json(found), indent=2)] if options.json else budget_lines(found)
            print("\n".join(lines))
            return 0
        case "check":
            drift = store.check(fix=options.fix)
            if options.json:
                print(json.dumps({"drift": drift_as_json(drift)}, indent=2))
            else:
                print("\n".join(drift_lines(drift, fixed=options.fix)))
            return 1 if drift and not options.fix else 0
        case _:
            print(
                set_budget(database, options.tenant, options.amount, options.period, options.alert)
            )
            return 0


def set_budget(database: Database, tenant: str, amount: str, period: str, alerts: str) -> str:
    """Set it as the words say; what was done, in a line. Raises `ComplaintError` for wrong words."""
    store, kind = BudgetStore(database), Period(period)
    tenant_id = _tenant(database, tenant)
    if amount == NONE:
        if alerts:
            raise ComplaintError(f"--alert is for a budget, and {NONE} takes it away")
        had = store.remove(tenant_id, kind)
        return f"tenant {tenant} " + (
            f"has no {kind} budget any more" if had else f"had no {kind} budget"
        )
    limit, percents = amount_of(amount), alerts_of(alerts)
    budget = store.set(tenant_id, limit, kind, percents)
    return f"tenant {tenant}: {budget.in_words()}, {money.text(budget.left)} are left"


def amount_of(text: str) -> Money:
    """USD, 0 or more. Raises `ComplaintError` for what is none."""
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


def _tenant(database: Database, name: str) -> UUID:
    found = TenantStore(database).named(name)
    if found is None:
        raise ComplaintError(f"there is no tenant {name!r}")
    return found


def _database_url() -> str:
    """DATABASE_URL where it is set, as its workers have it; else that of the system that runs here."""
    named = with_secrets(os.environ, ("DATABASE_URL",)).get("DATABASE_URL")
    return named or must_run(Home(home_of(os.environ, Path.cwd()))).database
