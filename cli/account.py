"""`segq account`: balance, pauses and jobs; `segq account resume [MODEL]` ends a pause by hand."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from cli.account_lines import account_lines
from cli.complaint import ComplaintError
from cli.server import must_be_reached
from db.accounts import AccountStore
from db.engine import Database
from db.rows import Account
from jobs.account_pauses import WORDS, PauseReason
from jobs.errors import SegqError as ServerError
from segq_client import Client, SegqError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "segq account [resume [MODEL]]"
    parser.epilog = (
        "`resume` lets calls go on that Segmind did not allow (403): those of one model, or of all "
        "that pause. When no model does, it ends the account's own pause at once, before its cause "
        "is next looked for; until then, it says that there is one."
    )
    parser.add_argument("verb", nargs="?", choices=["resume"], help="without it, show the account")
    parser.add_argument("model", nargs="?", metavar="MODEL", help="such as ssd-canny")


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    if options.verb is not None and server.database is None:
        raise ComplaintError(
            "a pause is ended in the database: set DATABASE_URL (or DATABASE_URL_FILE) beside SEGQ_URL"
        )
    try:
        with Client(server.gateway, server.api_key) as client:
            account = client.account()
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    if server.database is None or options.verb is None:
        print("\n".join(account_lines(account)))
        return 0
    pools = {str(one["pool"]) for one in account["accounts"]}
    try:
        print("\n".join(_resume(server.database, pools, options.model)))
    except ServerError as error:
        raise ComplaintError(str(error)) from error
    return 0


def _resume(database_url: str, pools: set[str], model: str | None) -> list[str]:
    """End pauses in the database, as an operator may; returns what was done, in lines."""
    database = Database(database_url, pool_size=1, overflow=0)
    try:
        store = AccountStore(database)
        accounts = [one for pool in sorted(pools) for one in store.of_pool(pool)]
        done = _resume_models(store, accounts, model)
        return done or _resume_accounts(store, accounts)
    finally:
        database.close()


def _resume_models(store: AccountStore, accounts: list[Account], model: str | None) -> list[str]:
    paused = [(one, pause.model) for one in accounts for pause in store.model_pauses(one.id)]
    names = sorted({name for _, name in paused})
    if model is not None and model not in names:
        which = f"paused are: {', '.join(names)}" if names else "no model is"
        raise ComplaintError(f"{model} is not paused; {which}")
    now = datetime.now(UTC)
    resumed = [
        (account, name)
        for account, name in paused
        if model in {None, name} and store.resume_model(account.id, name)
    ]
    lines = [
        f"{name} goes on (account {account.name}); its jobs run "
        + ("when the account does" if account.pause(now) else "within seconds")
        for account, name in resumed
    ]
    concerned = {account.id: account for account, _ in resumed}
    return lines + [
        f"account {one.name} still pauses: {_end_of(pause.reason, bool(store.model_pauses(one.id)))}"
        for one in concerned.values()
        if (pause := one.pause(now)) is not None
    ]


def _end_of(reason: PauseReason, models_pause: bool) -> str:
    if reason is PauseReason.RATE_LIMIT:
        return WORDS[reason]
    first = ", run again after it has resumed the other models," if models_pause else ""
    return f"{WORDS[reason]}. `segq account resume`{first} ends this pause at once"


def _resume_accounts(store: AccountStore, accounts: list[Account]) -> list[str]:
    lines = [
        f"account {account.name} goes on; it paused for: {account.paused_for}"
        for account in accounts
        if account.paused_for and store.resume(account.id, account.paused_for)
    ]
    return lines or ["nothing was paused" + _of_limits(accounts)]


def _of_limits(accounts: list[Account]) -> str:
    """A rate limit cannot be ended from here: Segmind would refuse the calls."""
    for account in accounts:
        pause = account.pause(datetime.now(UTC))
        if pause is not None and pause.reason is PauseReason.RATE_LIMIT:
            return (
                f"; the rate limit of account {account.name} ends by itself at {pause.until:%X} UTC"
            )
    return ""
