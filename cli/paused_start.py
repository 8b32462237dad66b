"""`python -m cli.paused_start NAME…`: stops the pool's accounts before its first worker is there.

A step of `segq up --paused`. Those that are named are made as a worker would make them; others that
the database has are stopped as well.
"""

import os
import sys

from cli.terminal import say
from db.accounts import AccountStore
from db.engine import Database
from jobs.account_pauses import Pause, PauseReason
from jobs.errors import SegqError
from jobs.limiting import AUTO, FIRST_BELIEF
from jobs.wire import pool_name

_SAID = "started with --paused"


def main() -> int:
    """Exit status 1 with the reason in a line."""
    try:
        database = Database(os.environ["DATABASE_URL"], pool_size=1, overflow=0)
        try:
            store = AccountStore(database)
            pool, rpm = pool_name(os.environ.get("SEGQ_POOL")), os.environ["SEGMIND_RPM"]
            for name in sys.argv[1:]:
                store.ensure(
                    pool,
                    name,
                    call_limit=FIRST_BELIEF if rpm == AUTO else int(rpm),
                    window_seconds=int(os.environ.get("SEGMIND_WINDOW") or 60),
                    limit_auto=rpm == AUTO,
                )
            for account in store.ever_of_pool(pool):
                store.pause(account.id, Pause(PauseReason.OPERATOR, None, said=_SAID))
        finally:
            database.close()
    except SegqError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
