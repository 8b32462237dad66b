"""Batches, their lines, and their counts.

Revision: 0021
Revises: 0020
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_SHORT = sa.text("keep_due IS NOT NULL")
_GOES_ON = sa.text("finished_at IS NULL")
_KEPT = sa.text("finished_at IS NOT NULL AND data_removed_at IS NULL")
_COUNTS = ("jobs", "cost", "estimate")


def upgrade() -> None:
    _create_tables()
    if op.get_bind().dialect.name == "postgresql":
        # Every note is a row that is gone a second later.
        op.execute(
            "ALTER TABLE batch_changes SET (autovacuum_vacuum_scale_factor = 0, "
            "autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)"
        )


def _create_tables() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("pool", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("defaults", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=True),
        sa.Column("stop_after", sa.Integer(), nullable=True),
        sa.Column("failed_before", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("jobs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sweep", sa.String(length=10), nullable=True),
        sa.Column("sweep_states", sa.JSON(), nullable=True),
        sa.Column("swept", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_outputs", sa.Integer(), nullable=True),
        sa.Column("keep_jobs", sa.Integer(), nullable=True),
        sa.Column("keep_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("data_removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('open', 'closed', 'canceled')", name=op.f("ck_batches_state")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_batches_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index("ix_batches_listed", "batches", ["tenant_id", "id"])
    op.create_index(
        "ix_batches_going_on",
        "batches",
        ["id"],
        postgresql_where=_GOES_ON,
        sqlite_where=_GOES_ON,
    )
    op.create_index(
        "ix_batches_kept",
        "batches",
        ["tenant_id", "finished_at"],
        postgresql_where=_KEPT,
        sqlite_where=_KEPT,
    )
    op.create_index(
        "ix_batches_keep_due",
        "batches",
        ["keep_due"],
        postgresql_where=_SHORT,
        sqlite_where=_SHORT,
    )
    op.create_table(
        "batch_lines",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_batch_lines")),
    )
    op.create_index("ix_batch_lines_position", "batch_lines", ["batch_id", "position"], unique=True)
    op.create_table(
        "batch_rejections",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("custom_id", sa.String(length=200), nullable=False),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name=op.f("fk_batch_rejections_batch_id_batches")
        ),
        sa.PrimaryKeyConstraint("batch_id", "line", "custom_id", name=op.f("pk_batch_rejections")),
    )
    op.create_table(
        "batch_totals",
        *_place(),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("example", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("batch_id", "state", "kind", name=op.f("pk_batch_totals")),
    )
    op.create_table(
        "batch_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        *_place(),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("example", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_changes")),
    )
    op.create_index("ix_batch_changes_batch_id", "batch_changes", ["batch_id"])


def _place() -> list[sa.Column[Any]]:
    return [
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
    ]


def downgrade() -> None:
    for table in ("changes", "totals", "rejections", "lines"):
        op.drop_table(f"batch_{table}")
    op.drop_table("batches")
