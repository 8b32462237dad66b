"""`python -m db prepare`: bring the schema up to date and make sure of the first API key.

Reads `DATABASE_URL`, and `SEGQ_API_KEY` where a key is to open the default tenant.
"""

import os
import sys

from db.engine import Database
from db.migrate import upgrade
from db.tenants import DEFAULT_TENANT, TenantStore


def main() -> int:
    """Exit status 0 when done, 2 for words that it does not know."""
    if sys.argv[1:] != ["prepare"]:
        print(__doc__, file=sys.stderr)  # noqa: T201  # a command's usage
        return 2
    database = Database(os.environ["DATABASE_URL"])
    upgrade(database)
    key = os.environ.get("SEGQ_API_KEY")
    if key:
        TenantStore(database).ensure_key(DEFAULT_TENANT, key, "made by segq up")
    database.close()
    return 0


sys.exit(main())
