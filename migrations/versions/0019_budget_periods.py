"""What jobs and calls hold of budgets, period by period.

Revision: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budget_periods",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.String(length=5), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("spent", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reserved", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("alerted", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("short_price", sa.BigInteger(), nullable=True),
        sa.Column("short_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "period"],
            ["budgets.tenant_id", "budgets.period"],
            name=op.f("fk_budget_periods_tenant_id_budgets"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "period", "starts_on", name=op.f("pk_budget_periods")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # A row of it changes with every job of its tenant; see 0007. Room for the next version of
        # a row beside it spares the index.
        op.execute(
            "ALTER TABLE budget_periods SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)"
        )


def downgrade() -> None:
    op.drop_table("budget_periods")
