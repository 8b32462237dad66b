"""A next version of segq, made in a folder: one more migration, and code that writes its column."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.deploy.build_context import copy_context

COLUMN = "written_by"

_TABLES = f"""

# What the next version adds to every job that it makes or changes.
jobs.append_column(Column("{COLUMN}", String(20), default="new", onupdate="new"))
Index("ix_jobs_{COLUMN}", jobs.c.{COLUMN})
"""

_MIGRATION = '''"""Expand: a column that the version before knows nothing of.

Revision: {revision}
Revises: {before}
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # May be empty and has no default: nothing is rewritten, the lock is held for a moment.
    op.add_column("jobs", sa.Column("{column}", sa.String(20), nullable=True))
    # Made while jobs are written, so outside of a transaction.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_jobs_{column}", "jobs", ["{column}"], if_not_exists=True, postgresql_concurrently=True
        )


def downgrade() -> None:
    op.drop_index("ix_jobs_{column}", table_name="jobs")
    op.drop_column("jobs", "{column}")
'''


def make_new_version(folder: Path) -> str:
    """The whole of it in `folder`; gives its newest revision."""
    copy_context(folder)
    with (folder / "db" / "tables" / "jobs.py").open("a") as tables:
        tables.write(_TABLES)
    config = Config()
    config.set_main_option("script_location", str(folder / "migrations"))
    before = ScriptDirectory.from_config(config).get_current_head()
    revision = f"{int(before or 0) + 1:04}"
    (folder / "migrations" / "versions" / f"{revision}_expand.py").write_text(
        _MIGRATION.format(revision=revision, before=before, column=COLUMN)
    )
    return revision
