"""Pauses of a model, and when and why an account pauses.

Revision: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("accounts", sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("accounts", sa.Column("pause_message", sa.Text(), nullable=True))
    op.create_table(
        "model_pauses",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("paused_for", sa.String(length=30), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_model_pauses_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "model", name=op.f("pk_model_pauses")),
    )


def downgrade() -> None:
    op.drop_table("model_pauses")
    op.drop_column("accounts", "pause_message")
    op.drop_column("accounts", "resumed_at")
    op.drop_column("accounts", "paused_at")
