"""Batches: many jobs that came together, their lines, and how many are in which state."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)

from db.column_types import Document, Instant
from db.tables.columns import belongs_to, metadata, own_id
from jobs.batches import BatchState

batches = Table(
    "batches",
    metadata,
    own_id(),
    belongs_to("tenants"),
    Column("pool", String(50), nullable=False),
    Column("name", String(200), nullable=False),
    # What a line that does not say it itself has, as it was given.
    Column("defaults", Document, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    # 10⁻¹⁰ USD that its jobs may cost together; null: no bound of its own.
    Column("budget", BigInteger),
    # It pauses when so many jobs have failed, beside those that had when it last went on; null: it
    # goes on.
    Column("stop_after", Integer),
    Column("failed_before", Integer, nullable=False, server_default=text("0")),
    Column("state", String(10), nullable=False),
    # How many lines were accepted: the position of the next one.
    Column("jobs", Integer, nullable=False, server_default=text("0")),
    # What is being done to all its jobs, a part in each turn, and the first position not yet reached.
    Column("sweep", String(10)),
    # Of a retry: the states that it is for.
    Column("sweep_states", Document),
    Column("swept", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("finished_at", Instant),
    # Seconds for which it wants images, and data, of its jobs kept: never longer than its tenant does.
    Column("keep_outputs", Integer),
    Column("keep_jobs", Integer),
    # When these times may have something to remove the next time; null: nothing, as far as is known.
    Column("keep_due", Instant),
    # Since when its defaults, its metadata and its rejected lines are removed.
    Column("data_removed_at", Instant),
    CheckConstraint(
        "state in ({})".format(", ".join(f"'{state}'" for state in BatchState)), name="state"
    ),
)
Index("ix_batches_listed", batches.c.tenant_id, batches.c.id)
# The few that upkeep has something to do with.
_goes_on = batches.c.finished_at.is_(None)
Index("ix_batches_going_on", batches.c.id, postgresql_where=_goes_on, sqlite_where=_goes_on)

_is_kept = batches.c.finished_at.is_not(None) & batches.c.data_removed_at.is_(None)
Index(
    "ix_batches_kept",
    batches.c.tenant_id,
    batches.c.finished_at,
    postgresql_where=_is_kept,
    sqlite_where=_is_kept,
)
_is_short = batches.c.keep_due.is_not(None)
Index("ix_batches_keep_due", batches.c.keep_due, postgresql_where=_is_short, sqlite_where=_is_short)

# Where each job of a batch stands among its lines. A line is written once and never changed, so that
# no move of its job has to write its indexes anew. It comes in one commit with its job, under the lock
# of its batch: nothing looks again for each line whether they are there.
batch_lines = Table(
    "batch_lines",
    metadata,
    # Of the batch and what its client calls the line. One value, and so one index that can serve a
    # look for a thousand names: of two that begin with the batch PostgreSQL takes the wrong one while
    # the table is small, and goes on with it while it grows.
    Column("key", LargeBinary(16), primary_key=True),
    Column("batch_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("job_id", Uuid, nullable=False),
    # Of what the line asked for: the same one, sent again, is known by it.
    Column("digest", LargeBinary(16), nullable=False),
)
Index("ix_batch_lines_position", batch_lines.c.batch_id, batch_lines.c.position, unique=True)

# Lines that were refused, until one of the same name is accepted.
batch_rejections = Table(
    "batch_rejections",
    metadata,
    Column("batch_id", Uuid, ForeignKey("batches.id"), primary_key=True),
    # As its upload counts: of several, the first line each says with which number it begins.
    Column("line", Integer, primary_key=True),
    # Empty: the line has none that could be read.
    Column("custom_id", String(200), primary_key=True),
    Column("errors", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# How many jobs of a batch are in a state, and of which kind their failure is; what they have cost,
# and may cost in one call each. `batch_changes` is what came and went since `batch_totals` was
# written: whoever moves a job adds a row and waits for nobody, and upkeep adds them up.
batch_totals = Table(
    "batch_totals",
    metadata,
    # No foreign key, which would lock the batch before its turn.
    Column("batch_id", Uuid, primary_key=True),
    Column("state", String(20), primary_key=True),
    Column("kind", String(50), primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("estimate", BigInteger, nullable=False),
    # One of those of this kind.
    Column("example", Uuid),
)
batch_changes = Table(
    "batch_changes",
    metadata,
    Column(
        "id",
        # Only an INTEGER key counts up by itself on SQLite.
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
    ),
    Column("batch_id", Uuid, nullable=False),
    Column("state", String(20), nullable=False),
    Column("kind", String(50), nullable=False),
    Column("jobs", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("estimate", BigInteger, nullable=False),
    Column("example", Uuid),
)
Index("ix_batch_changes_batch_id", batch_changes.c.batch_id)
