"""How long tenants, and batches, keep images and jobs.

Revision: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


_ENDED = sa.text("finished_at IS NOT NULL AND data_removed_at IS NULL")
_OF_ITS_OWN = ("keep_outputs", "keep_jobs")


def upgrade() -> None:
    for table in ("tenants", "batches"):
        for name in _OF_ITS_OWN:
            op.add_column(table, sa.Column(name, sa.Integer(), nullable=True))
    op.add_column(
        "batches",
        sa.Column("kept_short", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "batches", sa.Column("data_removed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.create_index(
        "ix_batches_kept",
        "batches",
        ["tenant_id", "finished_at"],
        postgresql_where=_ENDED,
        sqlite_where=_ENDED,
    )
    op.create_index(
        "ix_batches_kept_short",
        "batches",
        ["id"],
        postgresql_where=sa.text("kept_short IS true"),
        sqlite_where=sa.text("kept_short IS 1"),
    )


def downgrade() -> None:
    for name in ("ix_batches_kept_short", "ix_batches_kept"):
        op.drop_index(name, table_name="batches")
    for name in ("data_removed_at", "kept_short"):
        op.drop_column("batches", name)
    for table in ("batches", "tenants"):
        for name in reversed(_OF_ITS_OWN):
            op.drop_column(table, name)
