"""What was answered, for whoever asks once more."""

from sqlalchemy import Column, ForeignKey, Index, SmallInteger, String, Table, Text, Uuid

from db.column_types import Document, Instant
from db.tables.columns import metadata

# What a POST with an Idempotency-Key was answered, for 24 hours.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    # SHA-256 of the method, the address and the body: the same key may not ask for another thing.
    Column("fingerprint", String(64), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("headers", Document, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)
