"""What the limiter has learned of an account's limit.

Revision: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = ("limit_auto", "learned_limit", "good_limit", "learned_revision", "window_kind")


def upgrade() -> None:
    op.add_column(
        "accounts",
        sa.Column("limit_auto", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column("accounts", sa.Column("learned_limit", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("good_limit", sa.Integer(), nullable=True))
    op.add_column("accounts", sa.Column("learned_revision", sa.BigInteger(), nullable=True))
    op.add_column("accounts", sa.Column("window_kind", sa.String(length=10), nullable=True))


def downgrade() -> None:
    for column in _COLUMNS:
        op.drop_column("accounts", column)
