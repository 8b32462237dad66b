"""`segq keys`: API keys, each of one tenant and with scopes of its own."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from cli import tables
from cli.admin_database import admin_database
from cli.complaint import ComplaintError
from db.api_keys import ApiKey, KeyStore
from db.engine import Database
from db.tenants import TenantStore
from jobs import scopes
from jobs.scopes import Scope

_HEAD = ("ID", "TENANT", "LABEL", "SCOPES", "FINGERPRINT", "ENDS IN", "CREATED", "REVOKED")
_LONGEST_LABEL = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", dest="verb", required=True, prog="segq keys")
    create = verbs.add_parser("create", help="a new key; it is printed this once")
    create.add_argument("--tenant", metavar="NAME", required=True)
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=scopes.USUAL,
        metavar="LIST",
        help=f"of {', '.join(Scope)}, with commas between; default: {scopes.written(scopes.USUAL)}",
    )
    create.add_argument("--label", type=_label, default="", metavar="TEXT", help="what it is for")
    verbs.add_parser("list", help="a line for each key, and none that would open anything")
    revoke = verbs.add_parser("revoke", help="let a key open nothing any more")
    revoke.add_argument("id", metavar="ID", help="as `segq keys list` shows it")


def run(options: argparse.Namespace) -> int:
    verb: Callable[[Database, argparse.Namespace], list[str]] = _VERBS[options.verb]
    with admin_database(os.environ, Path.cwd()) as database:
        print("\n".join(verb(database, options)))
    return 0


def _create(database: Database, options: argparse.Namespace) -> list[str]:
    tenant = TenantStore(database).named(options.tenant)
    key, kept = KeyStore(database).create(tenant.id, options.scopes, options.label)
    # The key alone in a line of its own, for `| tail -1`.
    return [f"key {kept.id} of tenant {kept.tenant} may {scopes.written(kept.scopes)}:", key]


def _list(database: Database, _: argparse.Namespace) -> list[str]:
    found = KeyStore(database).all()
    return list(tables.lines(_HEAD, [_row(key) for key in found])) if found else ["no key yet"]


def _revoke(database: Database, options: argparse.Namespace) -> list[str]:
    try:
        wanted = UUID(options.id)
    except ValueError:
        raise ComplaintError(
            f"{options.id} is no id of a key: `segq keys list` shows them"
        ) from None
    key = KeyStore(database).revoke(wanted)
    return [
        f"key {key.id} of tenant {key.tenant} opens nothing any more, within seconds everywhere"
    ]


_VERBS = {"create": _create, "list": _list, "revoke": _revoke}


def _row(key: ApiKey) -> tuple[str, ...]:
    made, revoked = (
        "" if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"
        for moment in (key.created_at, key.revoked_at)
    )
    allowed = scopes.written(key.scopes)
    ending = f"…{key.ending}" if key.ending else ""
    return (str(key.id), key.tenant, key.label, allowed, key.fingerprint, ending, made, revoked)


def _scopes(text: str) -> frozenset[Scope]:
    try:
        return scopes.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _label(text: str) -> str:
    if len(text) > _LONGEST_LABEL or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be one line of up to {_LONGEST_LABEL} characters")
    return text
