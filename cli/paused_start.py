"""`python -m cli.paused_start`: stops the pool's account before its first worker is there.

A step of `segq up --paused`. The account is made as a worker would make it.
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
            rpm = os.environ["SEGMIND_RPM"]
            account = store.ensure(
                pool_name(os.environ.get("SEGQ_POOL")),
                "default",
                call_limit=FIRST_BELIEF if rpm == AUTO else int(rpm),
                window_seconds=int(os.environ.get("SEGMIND_WINDOW") or 60),
                limit_auto=rpm == AUTO,
            )
            store.pause(account.id, Pause(PauseReason.OPERATOR, None, said=_SAID))
        finally:
            database.close()
    except SegqError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
