"""Pauses of a model, pages of jobs, idempotency keys, and more of an attempt.

Revision: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_QUEUED = sa.text("state = 'queued'")
_IN_ORDER = sa.text("state = 'queued' AND held_for IS NULL")
_HELD = sa.text("held_for IS NOT NULL")
_ORDER = ["pool", "tenant_id", "priority", "group_name", "id"]


def upgrade() -> None:
    op.add_column("accounts", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("accounts", sa.Column("pause_message", sa.Text(), nullable=True))
    op.create_table(
        "model_pauses",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("paused_for", sa.String(length=30), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_model_pauses_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "model", name=op.f("pk_model_pauses")),
    )
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
    op.create_table(
        "job_tags",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.String(length=100), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_tags_job_id_jobs")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_job_tags_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("job_id", "tag", name=op.f("pk_job_tags")),
    )
    op.create_index("ix_job_tags_listed", "job_tags", ["tenant_id", "tag", "job_id"])
    _tag_what_is_there()
    op.add_column("attempts", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("attempts", sa.Column("answer_form", sa.String(length=20), nullable=True))
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_idempotency_keys_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def _tag_what_is_there() -> None:
    """The rows of jobs from before this table: tags stood in their JSON alone."""
    if op.get_bind().dialect.name == "postgresql":
        each = "CROSS JOIN LATERAL json_array_elements_text(jobs.tags) AS one(value)"
    else:
        each = "JOIN json_each(jobs.tags) AS one"
    op.execute(
        "INSERT INTO job_tags (job_id, tag, tenant_id) "  # noqa: S608  # two constants
        f"SELECT DISTINCT jobs.id, one.value, jobs.tenant_id FROM jobs {each}"
    )


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_column("attempts", "answer_form")
    op.drop_column("attempts", "answered_at")
    op.drop_table("job_tags")
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
    op.drop_table("model_pauses")
    op.drop_column("accounts", "pause_message")
    op.drop_column("accounts", "paused_at")
