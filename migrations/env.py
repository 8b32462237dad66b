"""Run by Alembic. The database comes from `db.migrate`, never from an ini file."""

from alembic import context
from sqlalchemy import text

from db.engine import Database
from db.tables import metadata

# Any number that no one else locks; 0x5e90 reads a little like "segq".
_LOCK = 0x5E90


def run() -> None:
    """Everything in one transaction, behind a lock, so that two starts at once are harmless."""
    database: Database = context.config.attributes["database"]
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=database.is_sqlite,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
