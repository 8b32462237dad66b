"""When and how an attempt's answer came, and the late ones found by their lease.

Revision: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_UNSETTLED = sa.text("finished_at IS NULL AND in_doubt_at IS NULL")


def upgrade() -> None:
    op.add_column("attempts", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("attempts", sa.Column("answer_form", sa.String(length=20), nullable=True))
    op.create_index(
        "ix_attempts_late",
        "attempts",
        ["lease_until"],
        unique=False,
        postgresql_where=_UNSETTLED,
        sqlite_where=_UNSETTLED,
    )


def downgrade() -> None:
    op.drop_index("ix_attempts_late", table_name="attempts")
    op.drop_column("attempts", "answer_form")
    op.drop_column("attempts", "answered_at")
