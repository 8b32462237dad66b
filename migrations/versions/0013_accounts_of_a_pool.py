"""Whose key an account has, what an operator has changed of it, and accounts that are no more.

Revision: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("key_source", sa.String(length=20)),
    ("key_fingerprint", sa.String(length=10)),
    ("key_trouble", sa.Text()),
    ("removed_at", sa.DateTime(timezone=True)),
    ("changed_at", sa.DateTime(timezone=True)),
    ("changed_by", sa.String(length=100)),
    ("changed_what", sa.String(length=100)),
    ("changed_why", sa.Text()),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("accounts", sa.Column(name, kind, nullable=True))
    op.add_column(
        "accounts",
        sa.Column("limit_by_hand", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("accounts", "limit_by_hand")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("accounts", name)
