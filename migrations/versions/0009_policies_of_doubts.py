"""What becomes of a job whose call may have been paid, and of the image of one that was canceled.

Revision: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("cancel_drops", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    hold = sa.text("'hold'")
    op.add_column(
        "jobs", sa.Column("on_doubt", sa.String(length=10), server_default=hold, nullable=False)
    )
    op.add_column("jobs", sa.Column("doubt_deadline", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("doubt_deadline", "on_doubt", "cancel_drops"):
        op.drop_column("jobs", name)
