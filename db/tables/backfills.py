"""What upkeep goes through once after a new version has come, in steps."""

from sqlalchemy import Column, String, Table, Uuid

from db.column_types import Instant
from db.tables.columns import metadata

# A row for each that was begun.
backfills = Table(
    "backfills",
    metadata,
    Column("name", String(50), primary_key=True),
    # The last row that was gone through; null: none yet.
    Column("after", Uuid),
    Column("ended_at", Instant),
)
