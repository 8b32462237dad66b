"""What lies in the artifact store, what is to be removed from it, and which store that is."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    text,
)

from db.column_types import Instant
from db.tables.columns import metadata

outputs = Table(
    "outputs",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("n", SmallInteger, primary_key=True),
    Column("artifact", String(300), nullable=False),
    Column("content_type", String(50), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

inputs = Table(
    "inputs",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("artifact", String(300), nullable=False),
    Column("content_type", String(50), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Counts how often it was removed and has come again. Each time it has another artifact, so that
    # whoever removes the one before, however late, removes no other.
    Column("generation", Integer, nullable=False, server_default=text("0")),
    # Since when it may be that no job needs it; null: some did when that was looked at last.
    Column("unused_since", Instant),
    # Then only the row is left.
    Column("removed_at", Instant),
)
_is_unused = inputs.c.unused_since.is_not(None)
Index(
    "ix_inputs_unused",
    inputs.c.tenant_id,
    inputs.c.unused_since,
    postgresql_where=_is_unused,
    sqlite_where=_is_unused,
)

# What is to be removed from the artifact store: written by the commit that says that it is gone.
removals = Table(
    "removals",
    metadata,
    Column("artifact", String(300), primary_key=True),
    # As far as it is known.
    Column("bytes", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
)

# The one artifact store that belongs to this database: all processes must share it.
artifact_store = Table(
    "artifact_store",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    # What its marker says too (db/artifact_identity.py).
    Column("id", Uuid, nullable=False),
    # Where it was when it was first used, for whoever has to find it.
    Column("place", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Since when the marker is there. Null: whoever wrote this row has not come so far, or died.
    Column("marked_at", Instant),
    CheckConstraint("one = 1", name="one"),
)
