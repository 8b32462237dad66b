"""Jobs found by their tags, and the answers of repeated requests.

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
    op.drop_table("job_tags")
