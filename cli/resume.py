"""`segq resume`: lets go on what `segq pause` has stopped."""

import argparse
import os
from pathlib import Path

from cli import account_changes
from cli.admin_database import admin_database
from cli.os_user import os_user
from cli.pause import add_places
from db.account_values import Change
from db.accounts import AccountStore
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses
from db.tenants import TenantStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser, "segq resume", required=True)


def run(options: argparse.Namespace) -> int:
    with admin_database(os.environ, Path.cwd()) as database:
        print("\n".join(_done(database, options)))
    return 0


def _done(database: Database, options: argparse.Namespace) -> list[str]:
    store = AccountStore(database)
    match options.place:
        case "tenant" | "group":
            return [_resume_place(database, options.tenant, getattr(options, "group", None))]
        case _:
            change = Change("resume", os_user())
            return account_changes.resume(store, store.all(), options.model, change)


def _resume_place(database: Database, name: str, group: str | None) -> str:
    tenant = TenantStore(database).named(name)
    what = f"tenant {name}" if group is None else f"group {group!r} of tenant {name}"
    if HandPauses(database).resume(tenant.id, group, OPERATOR):
        return f"{what} goes on"
    return f"{what} was not paused"
