"""Accounts that an operator adds and removes, and their keys, which are kept encrypted."""

import getpass
from pathlib import Path
from typing import TextIO

from cli.account_changes import named
from cli.complaint import ComplaintError
from cli.server import Server
from db.account_keys import AccountKeys, NewKey
from db.account_values import Account, Change, KeySource
from db.accounts import AccountStore
from db.doubts import DoubtStore
from db.engine import Database
from db.sealing import MasterKeys
from jobs.upstream_keys import ALLOWED_NAMES, fingerprint, is_key, is_name

_USUAL_LIMIT = 60
"""Calls a minute of a new account; workers set it to their SEGMIND_RPM when they take it up."""


def read_key(file: Path | None, stdin: TextIO) -> str:
    """The key, from a file or what comes in; asked for without showing it where a person types.

    Raises `ComplaintError`, which never shows it.
    """
    try:
        if file is not None and file != Path("-"):
            text = file.read_text()
        elif stdin.isatty():
            text = getpass.getpass("key: ")
        else:
            text = stdin.read()
    except (OSError, ValueError) as error:
        raise ComplaintError(f"the key cannot be read: {type(error).__name__}") from error
    key = text.strip()
    if not is_key(key):
        raise ComplaintError(
            "that is no key; allowed is one line of printable ASCII without spaces"
        )
    return key


def add(
    server: Server, database: Database, name: str, key: str, change: Change, *, replaces: bool
) -> list[str]:
    """Keep the key, and let the pool have the account. Raises `ComplaintError` and `SegqError`."""
    if not is_name(name):
        raise ComplaintError(f"{name!r} is no name of an account; allowed are {ALLOWED_NAMES}")
    master = _master(server)
    keys = AccountKeys(database)
    _must_be_new(keys, AccountStore(database), server.pool, master, name, key)
    new = NewKey(master.seal(key), fingerprint(key))
    account = keys.add(server.pool, name, new, change, call_limit=_USUAL_LIMIT, replaces=replaces)
    there = f"account {name} (pool {server.pool}) has a key that ends with {new.fingerprint}"
    lines = [f"{there}; workers take it up within ten seconds"]
    if open_ones := DoubtStore(database).counts(account.id).get("open", 0):
        lines.append(_doubts_stay(open_ones))
    return lines


def remove(database: Database, accounts: list[Account], name: str, change: Change) -> list[str]:
    """Let no new call leave it."""
    account = named(accounts, name)
    if account.key_source is KeySource.ENVIRONMENT:
        raise ComplaintError(
            f"the key of account {name} comes from the environment: take it out of SEGMIND_API_KEY or "
            "SEGMIND_API_KEYS and start again; `segq account pause` stops it at once"
        )
    AccountKeys(database).remove(account.id, change)
    gone = f"account {name} is removed: no new call leaves it"
    return [f"{gone}; its key is erased when its open calls have ended"]


def rotate(server: Server, database: Database) -> list[str]:
    """Encrypt all keys under the newest master key."""
    master = _master(server)
    done, left = AccountKeys(database).seal_anew(server.pool, master)
    if left:
        raise ComplaintError(
            f"no master key given opens the key of {', '.join(left)}: add it again, or set "
            f"SEGQ_ENCRYPTION_KEY to what it was added under as well; encrypted anew: {len(done)}"
        )
    return [f"{len(done)} keys are encrypted under the master key {master.newest}"]


def _doubts_stay(count: int) -> str:
    doubts = f"{count:,} doubt of it is" if count == 1 else f"{count:,} doubts of it are"
    return (
        f"{doubts} open: where the key is another than before, they do not end because its history "
        "lacks their calls; see `segq doubts`"
    )


def _must_be_new(
    keys: AccountKeys,
    store: AccountStore,
    pool: str,
    master: MasterKeys,
    name: str,
    key: str,
) -> None:
    """Two accounts of one key would let twice as many calls leave as it allows."""
    names = {one.id: one.name for one in store.of_pool(pool)}
    for account_id, sealed in keys.of_pool(pool).items():
        other = names.get(account_id, name)
        if other != name and master.opens(sealed) and master.open(sealed) == key:
            raise ComplaintError(f"account {other} has this key already")


def _master(server: Server) -> MasterKeys:
    if server.encryption_key is None:
        raise ComplaintError(
            "keys are kept encrypted: set SEGQ_ENCRYPTION_KEY (or SEGQ_ENCRYPTION_KEY_FILE) as the "
            "workers have it"
        )
    return MasterKeys(server.encryption_key)
