"""Brings a database's schema up to date."""

from importlib.resources import files

from alembic import command
from alembic.config import Config

from db.engine import Database


def config(database: Database) -> Config:
    """Alembic's configuration for this database; there is no alembic.ini to keep in step."""
    found = Config()
    found.set_main_option("script_location", str(files("migrations")))
    found.attributes["database"] = database
    return found


def upgrade(database: Database, revision: str = "head") -> None:
    """Go up. Safe to call from several processes at once: one does it, the others wait."""
    command.upgrade(config(database), revision)


def downgrade(database: Database, revision: str) -> None:
    """Go down to `revision`, or to nothing with `base`."""
    command.downgrade(config(database), revision)
