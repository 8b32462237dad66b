"""`python -m db prepare`: bring the schema up to date and make sure of the first API key.

Reads `DATABASE_URL`, and `SEGQ_API_KEY` where a key is to open the default tenant.
"""

import os
import sys

from db.engine import Database
from db.migrate import upgrade
from db.tenants import DEFAULT_TENANT, TenantStore
from jobs.errors import SegqError


def main() -> int:
    """Exit status 0 when done, 1 with the reason in a line, 2 for words that it does not know."""
    if sys.argv[1:] != ["prepare"]:
        print(__doc__, file=sys.stderr)  # noqa: T201  # a command's usage
        return 2
    try:
        _prepare(os.environ["DATABASE_URL"], os.environ.get("SEGQ_API_KEY"))
    except SegqError as error:
        print(error, file=sys.stderr)  # noqa: T201  # one line for who started this
        return 1
    return 0


def _prepare(url: str, key: str | None) -> None:
    database = Database(url)
    upgrade(database)
    if key:
        TenantStore(database).ensure_key(DEFAULT_TENANT, key, "made by segq up")
    database.close()


sys.exit(main())
