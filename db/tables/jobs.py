"""Jobs, their tags, and the uploaded images that they need."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Uuid,
    false,
    text,
)

from db.column_types import Document, Instant
from db.tables.columns import belongs_to, metadata, own_id
from jobs.states import State

jobs = Table(
    "jobs",
    metadata,
    own_id(),
    belongs_to("tenants"),
    # The batch that it came in, if any, and what its client calls it there. Its batch is locked when
    # it comes, so that nothing has to look again for each of a hundred thousand whether it is there.
    Column("batch_id", Uuid),
    Column("custom_id", String(200)),
    Column("pool", String(50), nullable=False),
    Column("model", String(100), nullable=False),
    Column("input", Document, nullable=False),
    Column("state", String(20), nullable=False),
    # Set while a queued job's model pauses, or its budget does not cover its next call: it is out
    # of the order then, so that no claim has to step over it again and again.
    Column("held_for", String(30)),
    Column("priority", SmallInteger, nullable=False),
    Column("group_name", String(200), nullable=False, server_default=text("''")),
    Column("tags", Document, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("run_at", Instant),
    Column("start_by", Instant),
    Column("finish_by", Instant),
    Column("max_attempts", SmallInteger, nullable=False),
    # How many attempts were spent; waiting for a limit or for credits spends none.
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # The number of the latest attempt: the fence of every write from `running`.
    Column("number", Integer, nullable=False, server_default=text("0")),
    Column("estimate", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False, server_default=text("0")),
    Column("seed", BigInteger),
    Column("error", Document),
    Column("cancel_requested_at", Instant),
    # Whether the image of a call that was under way when the job was canceled is dropped.
    Column("cancel_drops", Boolean, nullable=False, server_default=false()),
    # What its owner wants where nobody can tell whether its call was paid, and how long to wait.
    Column("on_doubt", String(10), nullable=False, server_default=text("'hold'")),
    Column("doubt_deadline", Instant),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    # How much of its data is removed (jobs/retention.py), and since when what is.
    Column("removed", SmallInteger, nullable=False, server_default=text("0")),
    Column("outputs_removed_at", Instant),
    Column("data_removed_at", Instant),
    CheckConstraint(
        "state in ({})".format(", ".join(f"'{state}'" for state in State)), name="state"
    ),
)
_in_order = (jobs.c.state == "queued") & jobs.c.held_for.is_(None)
Index(
    "ix_jobs_order",
    jobs.c.pool,
    jobs.c.tenant_id,
    jobs.c.priority,
    jobs.c.group_name,
    jobs.c.id,
    # Last, and only to be read from the index: which of them are of a model that pauses.
    jobs.c.model,
    postgresql_where=_in_order,
    sqlite_where=_in_order,
)
_is_held = jobs.c.held_for.is_not(None)
Index("ix_jobs_held", jobs.c.pool, jobs.c.model, postgresql_where=_is_held, sqlite_where=_is_held)
# Pages of a tenant's jobs, newest first: of all, of a state, of a group (and of a tag, below).
Index("ix_jobs_listed", jobs.c.tenant_id, jobs.c.id)
Index("ix_jobs_listed_by_state", jobs.c.tenant_id, jobs.c.state, jobs.c.id)
Index("ix_jobs_listed_by_group", jobs.c.tenant_id, jobs.c.group_name, jobs.c.id)
Index(
    "ix_jobs_due",
    jobs.c.run_at,
    postgresql_where=jobs.c.state == "scheduled",
    sqlite_where=jobs.c.state == "scheduled",
)
for _bound in (jobs.c.start_by, jobs.c.finish_by):
    _waits = jobs.c.state.in_(["scheduled", "queued"]) & _bound.is_not(None)
    Index(f"ix_jobs_{_bound.name}", _bound, postgresql_where=_waits, sqlite_where=_waits)
# Those of a batch as they ended. While one goes on it has no place here, and moving it costs nothing.
_ended = jobs.c.batch_id.is_not(None) & jobs.c.finished_at.is_not(None)
Index(
    "ix_jobs_ended_of_batch",
    jobs.c.batch_id,
    jobs.c.finished_at,
    jobs.c.id,
    postgresql_where=_ended,
    sqlite_where=_ended,
)

# Of each tenant those that have ended the longest time ago and of which something may be removed yet.
_is_kept = jobs.c.finished_at.is_not(None) & jobs.c.data_removed_at.is_(None)
Index(
    "ix_jobs_kept",
    jobs.c.tenant_id,
    jobs.c.removed,
    jobs.c.finished_at,
    postgresql_where=_is_kept,
    sqlite_where=_is_kept,
)

# And of each batch: one may keep its own for a shorter time.
_is_kept_of_batch = jobs.c.batch_id.is_not(None) & _is_kept
Index(
    "ix_jobs_kept_of_batch",
    jobs.c.batch_id,
    jobs.c.removed,
    jobs.c.finished_at,
    postgresql_where=_is_kept_of_batch,
    sqlite_where=_is_kept_of_batch,
)

# The tags of `jobs.tags` once more, each in a row, so that jobs are found by them.
job_tags = Table(
    "job_tags",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("tag", String(100), primary_key=True),
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=False),
)
Index("ix_job_tags_listed", job_tags.c.tenant_id, job_tags.c.tag, job_tags.c.job_id)

# The uploaded images that a job may still need, so that they stay (db/job_uploads.py). Written with
# the job, removed when it needs them no more.
job_uploads = Table(
    "job_uploads",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
)
Index("ix_job_uploads_of_image", job_uploads.c.tenant_id, job_uploads.c.sha256)
