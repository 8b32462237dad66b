"""How many jobs of a tenant may wait, and caps and pauses of its groups.

Revision: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenant_queues",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("max_queued", sa.Integer(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_tenant_queues_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_queues")),
    )
    op.create_table(
        "tenant_groups",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("group_name", sa.String(length=200), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.String(length=100), nullable=True),
        sa.Column("pause_note", sa.Text(), nullable=True),
        sa.Column("paused_by_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_tenant_groups_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "group_name", name=op.f("pk_tenant_groups")),
    )


def downgrade() -> None:
    op.drop_table("tenant_groups")
    op.drop_table("tenant_queues")
