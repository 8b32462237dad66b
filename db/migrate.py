"""Brings a database's schema up to date."""

import time
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from db.engine import Database
from jobs.errors import Unavailable

LOCK_WAIT = 3.0
_PATIENCE = 900.0


def config(database: Database) -> Config:
    """Alembic's configuration for this database; there is no alembic.ini to keep in step."""
    found = Config()
    found.set_main_option("script_location", str(files("migrations")))
    found.attributes["database"] = database
    return found


def revision_of(database: Database) -> str | None:
    """The revision that its schema is at; None for an empty database."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_up_to_date(database: Database) -> bool:
    """Whether its schema is at this version's last revision, or at a later version's."""
    last = ScriptDirectory.from_config(config(database)).get_current_head()
    return revision_of(database) == last or is_of_a_later_version(database)


def is_of_a_later_version(database: Database) -> bool:
    """Whether the schema is at a revision that this version does not know."""
    revision = revision_of(database)
    known = {one.revision for one in ScriptDirectory.from_config(config(database)).walk_revisions()}
    return revision is not None and revision not in known


def upgrade(database: Database, revision: str = "head", *, lock_wait: float = LOCK_WAIT) -> None:
    """Go up. Safe to call from several processes at once: one does it, the others wait.

    A schema of a later version is left as it is: revisions only add until nobody needs what they
    replace, so an earlier version can be started again. On PostgreSQL a change waits `lock_wait`
    seconds for its table at the most, and is tried again a little later: all who come after it wait
    behind it, so one long reader (a backup, say) would stop everything. Raises `Unavailable` when
    it has had no table for a quarter of an hour.
    """
    if is_of_a_later_version(database):
        return
    found = config(database)
    found.attributes["lock_wait"] = lock_wait
    ends_at = time.monotonic() + _PATIENCE
    while True:
        try:
            command.upgrade(found, revision)
        except Unavailable as error:
            if "lock timeout" not in str(error) or time.monotonic() > ends_at:
                raise
            # As long as was waited: those who had to wait behind it go first.
            time.sleep(lock_wait)
        else:
            return


def downgrade(database: Database, revision: str) -> None:
    """Go down to `revision`, or to nothing with `base`."""
    found = config(database)
    found.attributes["lock_wait"] = LOCK_WAIT
    command.downgrade(found, revision)
