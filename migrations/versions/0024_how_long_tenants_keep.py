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


def upgrade() -> None:
    op.add_column("tenants", sa.Column("keep_outputs", sa.Integer(), nullable=True))
    op.add_column("tenants", sa.Column("keep_jobs", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("tenants", "keep_jobs")
    op.drop_column("tenants", "keep_outputs")
