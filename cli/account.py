"""`segq account`: balance, pauses, doubts and jobs; and what an operator may change by hand."""

import argparse
import os
from pathlib import Path
from typing import Any

from cli import account_changes
from cli.account_lines import account_lines
from cli.complaint import ComplaintError
from cli.server import must_be_reached
from db.accounts import AccountStore
from db.engine import Database
from db.rows import Account
from jobs.catalog import Transport
from jobs.errors import SegqError as ServerError
from segq_client import Client, SegqError

_AS_THE_CATALOG_SAYS = "default"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        "segq account [resume [MODEL] | pause [--reason TEXT] | transport {v1,v2,default}]"
    )
    parser.epilog = "Without a word it shows the account."
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", prog="segq account")
    resume = verbs.add_parser(
        "resume",
        help="let calls go on",
        description="Ends at once what an operator has stopped, and lets calls go on that Segmind "
        "did not allow (403): those of one model, or of all that pause. When there is neither, it "
        "ends the account's own pause at once, before its cause is next looked for; until then, it "
        "says that there is one.",
    )
    resume.add_argument("model", nargs="?", metavar="MODEL", help="such as ssd-canny: it alone")
    pause = verbs.add_parser(
        "pause",
        help="let no call leave until `resume`",
        description="Submits go on, and calls that have left are let finish.",
    )
    pause.add_argument("--reason", default="", metavar="TEXT", help="told to whoever waits")
    transport = verbs.add_parser(
        "transport",
        help="how models are called",
        description="From the next call on, whatever the catalog says; `default`: as it says.",
    )
    transport.add_argument("transport", choices=[*Transport, _AS_THE_CATALOG_SAYS])


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    if options.verb is not None and server.database is None:
        raise ComplaintError(
            "an account is changed in the database: set DATABASE_URL (or DATABASE_URL_FILE) beside "
            "SEGQ_URL"
        )
    try:
        with Client(server.gateway, server.api_key) as client:
            account = client.account()
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    if server.database is None or options.verb is None:
        print("\n".join(account_lines(account)))
        return 0
    try:
        print("\n".join(_changed(server.database, account, options)))
    except ServerError as error:
        raise ComplaintError(str(error)) from error
    return 0


def _changed(database_url: str, answer: dict[str, Any], options: argparse.Namespace) -> list[str]:
    """Do it in the database, as an operator may; returns what was done, in lines."""
    database = Database(database_url, pool_size=1, overflow=0)
    try:
        store = AccountStore(database)
        pools = sorted({str(one["pool"]) for one in answer["accounts"]})
        return _lines(store, [one for pool in pools for one in store.of_pool(pool)], options)
    finally:
        database.close()


def _lines(store: AccountStore, accounts: list[Account], options: argparse.Namespace) -> list[str]:
    match options.verb:
        case "resume":
            return account_changes.resume(store, accounts, options.model)
        case "pause":
            return account_changes.pause(store, accounts, options.reason)
        case _:
            chosen = options.transport
            transport = None if chosen == _AS_THE_CATALOG_SAYS else Transport(chosen)
            return account_changes.set_transport(store, accounts, transport)
