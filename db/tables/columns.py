"""What the tables have in common: their names' forms, and columns that several have."""

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, MetaData, String, Text, Uuid, false

from db.column_types import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def own_id() -> Column[Any]:
    """A row's own UUID."""
    return Column("id", Uuid, primary_key=True)


def belongs_to(table: str) -> Column[Any]:
    """The row of another table that this one is part of."""
    return Column(f"{table.removesuffix('s')}_id", Uuid, ForeignKey(f"{table}.id"), nullable=False)


def pause() -> tuple[Column[Any], ...]:
    """Whether somebody has stopped it by hand: since when, who, and why in his words."""
    return (
        Column("paused_at", Instant),
        Column("paused_by", String(100)),
        Column("pause_note", Text),
        # Then its tenant cannot end the pause.
        Column("paused_by_admin", Boolean, nullable=False, server_default=false()),
    )
