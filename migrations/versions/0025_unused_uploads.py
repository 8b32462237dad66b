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

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "inputs",
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("inputs", sa.Column("removed_at", _MOMENT, nullable=True))
    # Whether jobs need those of before is looked at before any of them is removed.
    if op.get_bind().dialect.name != "postgresql":
        op.add_column("inputs", sa.Column("unused_since", _MOMENT, nullable=True))
        op.execute("UPDATE inputs SET unused_since = created_at")
        return
    # Worked out once and no row is written, for submits wait behind this. That it counts from now,
    # not from their upload, keeps them a little longer.
    op.add_column(
        "inputs",
        sa.Column("unused_since", _MOMENT, server_default=sa.text("now()"), nullable=True),
    )
    op.alter_column("inputs", "unused_since", server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM inputs WHERE removed_at IS NOT NULL")
    for name in ("removed_at", "unused_since", "generation"):
        op.drop_column("inputs", name)
