"""`segq account`: balance, pauses, doubts and jobs; and what an operator may change by hand."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from cli import account_changes, account_keys
from cli.account_lines import account_lines, list_lines
from cli.complaint import ComplaintError
from cli.os_user import os_user
from cli.server import Server, must_be_reached
from db.account_limits import AccountLimits
from db.account_values import Account, Change
from db.accounts import AccountStore
from db.engine import Database
from jobs.catalog import Transport
from jobs.errors import SegqError as ServerError
from jobs.limiting import AUTO, MOST
from segq_client import Client, SegqError

_AS_THE_CATALOG_SAYS = _AS_SET = "default"
_READS = (None, "list")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "segq account [VERB …]"
    parser.epilog = "Without a word it shows the accounts. See docs/accounts.md."
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", prog="segq account")
    verbs.add_parser("list", help="a line for each account")

    def changing(name: str, purpose: str, description: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=purpose, description=description)
        verb.add_argument("--reason", default="", metavar="TEXT", help="kept, and shown with who")
        return verb

    add = changing(
        "add",
        "let calls leave another account, too",
        "The key is read from a file, from standard input or from a question, never from the command "
        "line, where others on this machine would see it. It is kept encrypted and never shown again; "
        "workers take it up within ten seconds.",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("--key-file", type=Path, metavar="FILE", help="`-` or none: standard input")
    add.add_argument(
        "--replace", action="store_true", help="a new key for an account that is there"
    )
    remove = changing(
        "remove",
        "let no call leave it any more",
        "Its open calls are followed to their end; then its key is erased.",
    )
    remove.add_argument("name", metavar="NAME")
    resume = changing(
        "resume",
        "let calls go on",
        "Ends at once what an operator has stopped, and lets calls go on that Segmind did not allow "
        "(403): of one account, of one model, or of all that pause. When there is neither, it ends the "
        "account's own pause at once, before its cause is next looked for; until then, it says that "
        "there is one.",
    )
    resume.add_argument("what", nargs="?", metavar="NAME|MODEL", help="it alone")
    pause = changing(
        "pause",
        "let no call leave until `resume`",
        "Submits go on, and calls that have left are let finish.",
    )
    pause.add_argument("name", nargs="?", metavar="NAME", help="this account alone")
    limit = changing(
        "set-limit",
        "calls a minute that may leave it",
        "From now on, in the place of SEGMIND_RPM, and as that in SEGMIND_WINDOW. `auto`: to be learned; `default`: as SEGMIND_RPM "
        "says, once a worker starts again.",
    )
    limit.add_argument("name", metavar="NAME")
    limit.add_argument("limit", metavar="RPM|auto|default", type=_limit)
    transport = changing(
        "transport",
        "how models are called",
        "From the next call on, whatever the catalog says; `default`: as it says.",
    )
    transport.add_argument("transport", choices=[*Transport, _AS_THE_CATALOG_SAYS])
    changing(
        "rotate",
        "encrypt all keys anew",
        "Under the newest (the first) master key of SEGQ_ENCRYPTION_KEY; the older ones may be taken "
        "out of it after that.",
    )


def run(options: argparse.Namespace) -> int:
    server = must_be_reached(os.environ, Path.cwd())
    if options.verb not in _READS and server.database is None:
        raise ComplaintError(
            "an account is changed in the database: set DATABASE_URL (or DATABASE_URL_FILE) beside "
            "SEGQ_URL"
        )
    try:
        with Client(server.gateway, server.api_key) as client:
            account = client.account()
    except SegqError as error:
        raise ComplaintError(str(error)) from error
    if server.database is None or options.verb in _READS:
        lines = list_lines if options.verb == "list" else account_lines
        print("\n".join(lines(account)))
        return 0
    try:
        done = _changed(server, server.database, options)
    except ServerError as error:
        raise ComplaintError(str(error)) from error
    print("\n".join(done))
    return 0


def _changed(server: Server, database_url: str, options: argparse.Namespace) -> list[str]:
    """Do it in the database, as an operator may; returns what was done, in lines."""
    by = Change(options.verb, os_user(), options.reason)
    database = Database(database_url, pool_size=1, overflow=0)
    try:
        store = AccountStore(database)
        accounts = store.of_pool(server.pool)
        match options.verb:
            case "add":
                key = account_keys.read_key(options.key_file, sys.stdin)
                return account_keys.add(
                    server, database, options.name, key, by, replaces=options.replace
                )
            case "remove":
                return account_keys.remove(database, accounts, options.name, by)
            case "rotate":
                return account_keys.rotate(server, database)
            case "resume":
                return account_changes.resume(store, accounts, options.what, by)
            case "pause":
                return account_changes.pause(store, accounts, options.name, by)
            case "set-limit":
                return _set_limit(AccountLimits(database), accounts, options, by)
            case _:
                chosen = options.transport
                transport = None if chosen == _AS_THE_CATALOG_SAYS else Transport(chosen)
                return account_changes.set_transport(store, accounts, transport, by)
    finally:
        database.close()


def _set_limit(
    limits: AccountLimits, accounts: list[Account], options: argparse.Namespace, by: Change
) -> list[str]:
    change = replace(by, what=f"set-limit {options.limit}")
    if options.limit == _AS_SET:
        return account_changes.follow_settings(limits, accounts, options.name, change)
    limit = None if options.limit == AUTO else int(options.limit)
    return account_changes.set_limit(limits, accounts, options.name, limit, change)


def _limit(text: str) -> str:
    if text in {AUTO, _AS_SET}:
        return text
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no limit; allowed are 1 to {MOST} calls a minute, {AUTO} and {_AS_SET}"
        )
    return text
