"""`segq pause`: stops a tenant, a group or a model by hand; alone it lists all that pauses."""

import argparse
import os
from pathlib import Path

from cli import account_changes
from cli.admin_database import admin_database
from cli.complaint import ComplaintError
from cli.os_user import os_user
from cli.pause_lines import account_lines, place_lines
from db.account_values import Change, of_model
from db.accounts import AccountStore
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.catalog import MODELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Jobs wait, submits go on, and calls that have left are let finish. An account is stopped with "
        "`segq account pause`."
    )
    for verb in add_places(parser, "segq pause"):
        verb.add_argument("--reason", default="", metavar="TEXT", help="told to whoever waits")


def add_places(
    parser: argparse.ArgumentParser, prog: str, *, required: bool = False
) -> list[argparse.ArgumentParser]:
    """What may be paused and resumed: the words that name it, the same for both verbs."""
    places = parser.add_subparsers(metavar="WHAT", dest="place", prog=prog, required=required)
    tenant = places.add_parser("tenant", help="all jobs of a tenant")
    tenant.add_argument("tenant", metavar="NAME")
    group = places.add_parser("group", help="the jobs of one of a tenant's groups")
    group.add_argument("tenant", metavar="TENANT")
    group.add_argument("group", metavar="GROUP", help="'' is the group of jobs that name none")
    model = places.add_parser("model", help="a model, on all accounts")
    model.add_argument("model", metavar="MODEL", help="such as ssd-canny")
    return [tenant, group, model]


def run(options: argparse.Namespace) -> int:
    with admin_database(os.environ, Path.cwd()) as database:
        print("\n".join(_done(database, options)))
    return 0


def _done(database: Database, options: argparse.Namespace) -> list[str]:
    store = AccountStore(database)
    match options.place:
        case None:
            return list(_listed(database, store)) or ["nothing is paused"]
        case "tenant" | "group":
            group = getattr(options, "group", None)
            tenant = TenantStore(database).named(options.tenant)
            HandPauses(database).pause(tenant.id, group, OPERATOR, options.reason)
            mine = HandPauses(database).all(tenant.id)
            return list(place_lines([one for one in mine if one.group == group]))
        case _:
            return _pause_model(store, options.model, options.reason)


def _pause_model(store: AccountStore, model: str, reason: str) -> list[str]:
    if model not in MODELS:
        raise ComplaintError(f"there is no model {model}; there are: {', '.join(sorted(MODELS))}")
    accounts = store.all()
    account_changes.must_be_there(accounts)
    change = Change(of_model("pause", model), os_user(), reason)
    for one in accounts:
        store.pause(one.id, Pause(PauseReason.OPERATOR, None, model, reason), change)
    return [f"model {model} pauses; its jobs wait until `segq resume model {model}`"]


def _listed(database: Database, store: AccountStore) -> list[str]:
    lines = list(place_lines(HandPauses(database).all()))
    for account in store.all():
        lines += account_lines(account, store.model_pauses(account.id))
    return lines
