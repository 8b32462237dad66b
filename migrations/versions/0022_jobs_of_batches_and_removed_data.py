"""Which batch a job came in, how much of its data is removed, which uploaded images jobs need, and what
is to be removed.

Revision: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Here, since the tables of batches lock `tenants`.
    op.add_column("jobs", sa.Column("batch_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("custom_id", sa.String(length=200), nullable=True))
    op.add_column(
        "jobs",
        sa.Column("removed", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("jobs", sa.Column("outputs_removed_at", _MOMENT, nullable=True))
    op.add_column("jobs", sa.Column("data_removed_at", _MOMENT, nullable=True))
    op.create_table(
        "job_uploads",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_uploads_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "sha256", name=op.f("pk_job_uploads")),
    )
    op.create_index("ix_job_uploads_of_image", "job_uploads", ["tenant_id", "sha256"])
    op.create_table(
        "removals",
        sa.Column("artifact", sa.String(length=300), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("artifact", name=op.f("pk_removals")),
    )
    # The rows of job_uploads that jobs from before it need are written by upkeep, in steps.
    op.create_table(
        "backfills",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_backfills")),
    )


def downgrade() -> None:
    for table in ("backfills", "removals", "job_uploads"):
        op.drop_table(table)
    for name in ("data_removed_at", "outputs_removed_at", "removed", "custom_id", "batch_id"):
        op.drop_column("jobs", name)
