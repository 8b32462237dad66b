"""Of each tenant the jobs that have ended the longest time ago, and of which something is kept.

Revision: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_NAME = "ix_jobs_kept"
_COLUMNS = ["tenant_id", "removed", "finished_at"]
_KEPT = sa.text("finished_at IS NOT NULL AND data_removed_at IS NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(_NAME, "jobs", _COLUMNS, sqlite_where=_KEPT)
        return
    # Made while jobs are written, so outside of a transaction. What an earlier try has left of it,
    # which had waited too long for somebody, is no index.
    with op.get_context().autocommit_block():
        op.drop_index(_NAME, table_name="jobs", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _NAME, "jobs", _COLUMNS, postgresql_where=_KEPT, postgresql_concurrently=True
        )


def downgrade() -> None:
    op.drop_index(_NAME, table_name="jobs")
