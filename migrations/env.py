"""Run by Alembic. The database comes from `db.migrate`, never from an ini file."""

import time

from alembic import context
from sqlalchemy import Connection, text

from db.engine import Database
from db.tables import metadata

# Any number that no one else locks; 0x5e90 reads a little like "segq".
_LOCK = 0x5E90


def run() -> None:
    """Behind a lock, so that two starts at once are harmless.

    On PostgreSQL each revision is a commit of its own and changes one table that is in use: workers
    lock several in an order of their own, and one transaction over all of them would deadlock with
    those that run meanwhile. SQLite has one writer at a time; there it is one transaction.
    """
    database: Database = context.config.attributes["database"]
    if database.is_sqlite:
        with database.write() as connection:
            _migrate(connection, in_steps=False)
        return
    with database.without_transaction() as connection:
        _wait_for_lock(connection)
        try:
            milliseconds = int(context.config.attributes["lock_wait"] * 1000)
            connection.execute(text(f"SET lock_timeout = {milliseconds}"))
            connection.commit()
            _migrate(connection, in_steps=True)
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.execute(text("RESET lock_timeout"))
            connection.commit()


def _wait_for_lock(connection: Connection) -> None:
    """Asks again and again, each time in a transaction of its own.

    `pg_advisory_lock` would wait inside one, and an index that is made concurrently by the one who
    has the lock waits for all transactions that are open: a deadlock.
    """
    taken = False
    while not taken:
        taken = connection.execute(
            text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}
        ).scalar_one()
        connection.commit()
        if not taken:
            time.sleep(0.2)


def _migrate(connection: Connection, *, in_steps: bool) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=not in_steps,
        compare_server_default=True,
        transaction_per_migration=in_steps,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
