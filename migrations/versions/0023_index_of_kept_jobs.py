"""Of each tenant, and of each batch, the jobs that have ended the longest time ago, and of which something is kept.

Revision: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_KEPT = "finished_at IS NOT NULL AND data_removed_at IS NULL"
_INDEXES = (
    ("ix_jobs_kept", ["tenant_id", "removed", "finished_at"], sa.text(_KEPT)),
    (
        "ix_jobs_kept_of_batch",
        ["batch_id", "removed", "finished_at"],
        sa.text(f"batch_id IS NOT NULL AND {_KEPT}"),
    ),
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for name, columns, kept in _INDEXES:
            op.create_index(name, "jobs", columns, sqlite_where=kept)
        return
    # Made while jobs are written, so outside of a transaction. What an earlier try has left of it,
    # which had waited too long for somebody, is no index.
    with op.get_context().autocommit_block():
        for name, columns, kept in _INDEXES:
            op.drop_index(name, table_name="jobs", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name, "jobs", columns, postgresql_where=kept, postgresql_concurrently=True
            )


def downgrade() -> None:
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name="jobs")
