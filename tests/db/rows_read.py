"""How much a database reads to answer a question, as it counts itself: no clock is looked at."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from db.engine import Database

_EVERY = 10
_POSTGRES = """
SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
     + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
"""


def rows_read(database: Database, ask: Callable[[], object]) -> int:
    """Rows and index entries on PostgreSQL, tens of virtual machine steps on SQLite.

    The database must have a single connection (`pool_size=1, overflow=0`).
    """
    with database.read() as connection:
        if not database.is_sqlite:
            before = _counted(connection)
        else:
            steps = [0]

            def count() -> int:
                steps[0] += 1
                return 0

            _sqlite(connection).set_progress_handler(count, _EVERY)
    ask()
    with database.read() as connection:
        if not database.is_sqlite:
            return _counted(connection) - before
        _sqlite(connection).set_progress_handler(None, _EVERY)
        return steps[0]


def _sqlite(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _counted(connection: Connection) -> int:
    # Counted in this session, and told to others (and to itself) only at times.
    connection.execute(text("SELECT pg_stat_force_next_flush()"))
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))
    return int(connection.execute(text(_POSTGRES)).scalar_one())
