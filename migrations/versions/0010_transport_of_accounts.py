"""How an account's models are called, whatever the catalog says.

Revision: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("transport", sa.String(length=5), nullable=True))


def downgrade() -> None:
    op.drop_column("accounts", "transport")
