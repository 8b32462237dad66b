"""Jobs held out of the order, and pages of jobs.

Revision: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_QUEUED = sa.text("state = 'queued'")
_IN_ORDER = sa.text("state = 'queued' AND held_for IS NULL")
_HELD = sa.text("held_for IS NOT NULL")
_ORDER = ["pool", "tenant_id", "priority", "group_name", "id"]


def upgrade() -> None:
    op.add_column("jobs", sa.Column("held_for", sa.String(length=30), nullable=True))
    op.drop_index("ix_jobs_order", table_name="jobs")
    op.create_index(
        "ix_jobs_order",
        "jobs",
        [*_ORDER, "model"],
        unique=False,
        postgresql_where=_IN_ORDER,
        sqlite_where=_IN_ORDER,
    )
    op.create_index(
        "ix_jobs_held",
        "jobs",
        ["pool", "model"],
        unique=False,
        postgresql_where=_HELD,
        sqlite_where=_HELD,
    )
    op.create_index("ix_jobs_listed", "jobs", ["tenant_id", "id"])
    op.create_index("ix_jobs_listed_by_state", "jobs", ["tenant_id", "state", "id"])
    op.create_index("ix_jobs_listed_by_group", "jobs", ["tenant_id", "group_name", "id"])


def downgrade() -> None:
    for name in ("listed_by_group", "listed_by_state", "listed", "held", "order"):
        op.drop_index(f"ix_jobs_{name}", table_name="jobs")
    op.drop_column("jobs", "held_for")
    op.create_index(
        "ix_jobs_order",
        "jobs",
        _ORDER,
        unique=False,
        postgresql_where=_QUEUED,
        sqlite_where=_QUEUED,
    )
