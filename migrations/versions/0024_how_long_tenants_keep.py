"""How long tenants keep images and jobs.

Revision: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_TIMES = ("keep_outputs", "keep_jobs")


def upgrade() -> None:
    for name in _TIMES:
        op.add_column("tenants", sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    for name in reversed(_TIMES):
        op.drop_column("tenants", name)
