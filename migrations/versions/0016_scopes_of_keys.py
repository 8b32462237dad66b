"""What a key may do, and its last digits.

Revision: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# The first key of a system is its operator's (db/__main__.py).
_OPERATOR = "SEGQ_API_KEY"


def upgrade() -> None:
    usual = sa.text("'submit,read,cancel'")
    op.add_column(
        "api_keys", sa.Column("scopes", sa.String(length=100), server_default=usual, nullable=False)
    )
    op.add_column("api_keys", sa.Column("ending", sa.String(length=4), nullable=True))
    keys = sa.table("api_keys", sa.column("label"), sa.column("scopes"))
    op.execute(
        keys.update().where(keys.c.label == _OPERATOR).values(scopes="submit,read,cancel,admin")
    )


def downgrade() -> None:
    for name in ("ending", "scopes"):
        op.drop_column("api_keys", name)
