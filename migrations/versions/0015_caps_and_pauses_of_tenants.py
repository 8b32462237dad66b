"""Tenants whose running jobs have a cap, or who pause.

Revision: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tenants", sa.Column("max_running", sa.Integer(), nullable=True))
    op.add_column("tenants", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tenants", sa.Column("paused_by", sa.String(length=100), nullable=True))
    op.add_column("tenants", sa.Column("pause_note", sa.Text(), nullable=True))
    op.add_column(
        "tenants",
        sa.Column("paused_by_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    for name in ("paused_by_admin", "pause_note", "paused_by", "paused_at", "max_running"):
        op.drop_column("tenants", name)
