"""The gate between commits that change what budgets hold and those that change the budgets.

A budget that is set begins with what its tenant's rows say. A commit under way that knew of no
budget would be missed there, and never be counted. So all that changes money goes through the gate
together, before it looks for budgets, and whoever sets one closes it: he waits for those under way,
and those who come wait for him. SQLite has one writer anyway.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from db.engine import Database

_LOCK = 24_209
PASS = func.pg_advisory_xact_lock_shared(_LOCK)
"""To be selected by an earlier statement than the one that looks for budgets, on PostgreSQL."""


def pass_at(database: Database, connection: Connection) -> datetime:
    """`Database.time`, and through the gate until the commit; in one trip."""
    if database.is_sqlite:
        return database.time(connection)
    found: datetime = connection.execute(select(func.clock_timestamp(), PASS)).one()[0]
    return found


def passing(database: Database) -> list[ColumnElement[Any]]:
    """Columns by which a statement of another purpose goes through the gate."""
    # Apart from the rows, so that it is asked for once.
    return [] if database.is_sqlite else [select(PASS).scalar_subquery().label("passed")]


def close(database: Database, connection: Connection) -> None:
    """Be alone until the commit. To be called first of all in its transaction."""
    if not database.is_sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
