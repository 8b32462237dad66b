"""How doubts ended is counted without a look at every attempt.

Revision: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    doubted = sa.text("in_doubt_at IS NOT NULL")
    op.create_index(
        "ix_attempts_doubts",
        "attempts",
        ["account_id", "doubt_ended"],
        unique=False,
        postgresql_where=doubted,
        sqlite_where=doubted,
    )


def downgrade() -> None:
    op.drop_index("ix_attempts_doubts", table_name="attempts")
