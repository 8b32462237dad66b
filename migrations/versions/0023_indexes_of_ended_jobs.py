"""Of each batch its jobs as they ended; of each tenant, and of each batch, those that have ended the
longest time ago and of which something is kept.

Revision: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

from migrations.indexes import create_beside_writers

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_KEPT = "finished_at IS NOT NULL AND data_removed_at IS NULL"
_INDEXES = (
    (
        "ix_jobs_ended_of_batch",
        ["batch_id", "finished_at", "id"],
        sa.text("batch_id IS NOT NULL AND finished_at IS NOT NULL"),
    ),
    ("ix_jobs_kept", ["tenant_id", "removed", "finished_at"], sa.text(_KEPT)),
    (
        "ix_jobs_kept_of_batch",
        ["batch_id", "removed", "finished_at"],
        sa.text(f"batch_id IS NOT NULL AND {_KEPT}"),
    ),
)


def upgrade() -> None:
    create_beside_writers("jobs", _INDEXES)


def downgrade() -> None:
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name="jobs")
