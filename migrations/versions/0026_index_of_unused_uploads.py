"""Of each tenant the uploaded images that no job has needed for the longest time.

Revision: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

from migrations.indexes import create_beside_writers

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_UNUSED = sa.text("unused_since IS NOT NULL")


def upgrade() -> None:
    create_beside_writers("inputs", [("ix_inputs_unused", ["tenant_id", "unused_since"], _UNUSED)])


def downgrade() -> None:
    op.drop_index("ix_inputs_unused", table_name="inputs")
