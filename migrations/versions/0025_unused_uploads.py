"""Since when uploaded images may be needed by no job, and which of them are removed.

Revision: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_UNUSED = sa.text("unused_since IS NOT NULL")


def upgrade() -> None:
    op.add_column(
        "inputs",
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("inputs", sa.Column("unused_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("inputs", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    # Whether jobs need those of before is looked at before any of them is removed.
    op.execute("UPDATE inputs SET unused_since = created_at")
    op.create_index(
        "ix_inputs_unused",
        "inputs",
        ["tenant_id", "unused_since"],
        unique=False,
        postgresql_where=_UNUSED,
        sqlite_where=_UNUSED,
    )


def downgrade() -> None:
    op.execute("DELETE FROM inputs WHERE removed_at IS NOT NULL")
    op.drop_index("ix_inputs_unused", table_name="inputs")
    for name in ("removed_at", "unused_since", "generation"):
        op.drop_column("inputs", name)
