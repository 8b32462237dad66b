"""`python -m db prepare`: bring the schema up to date and make sure of the first API key.

Reads `DATABASE_URL`, and `SEGQ_API_KEY` where a key is to open the default tenant.
"""

import os
import sys

from db.engine import Database
from db.migrate import is_of_a_later_version, revision_of, upgrade
from db.tenants import DEFAULT_TENANT, TenantStore
from jobs import scopes
from jobs.errors import SegqError
from logs.refusal import refuse
from logs.stream import UnusableFormatError, configure


def main() -> int:
    """Exit status 0 when done, 1 with the reason in a line, 2 for words that it does not know."""
    if sys.argv[1:] != ["prepare"]:
        return refuse(__doc__)
    try:
        configure("migrate")
        done = _prepare(os.environ["DATABASE_URL"], os.environ.get("SEGQ_API_KEY"))
    except UnusableFormatError as error:
        return refuse(error)
    except SegqError as error:
        return refuse(error, status=1)
    print(done)  # noqa: T201  # a command's result
    return 0


def _prepare(url: str, key: str | None) -> str:
    """Returns what was done, in a line."""
    database = Database(url)
    try:
        before = revision_of(database)
        upgrade(database)
        after = revision_of(database)
        moved = "as it was" if before == after else f"it was {before or 'empty'}"
        if is_of_a_later_version(database):
            moved = "of a later version than this one, and left as it is"
        made = "no SEGQ_API_KEY was given"
        if key:
            # The operator's own.
            new = TenantStore(database).ensure_key(DEFAULT_TENANT, key, "SEGQ_API_KEY", scopes.ALL)
            made = "the API key was made" if new else "the API key was known"
        return f"the schema is at revision {after} ({moved}); {made}"
    finally:
        database.close()


sys.exit(main())
