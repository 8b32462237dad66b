"""The job that goes next: the oldest at the place whose turn it is."""

from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, literal_column, select

from db.engine import Database
from db.jobs import too_late
from db.tables import jobs
from db.turns import Place, next_place
from jobs.states import State


def first_job(
    connection: Connection, pool: str, statement: Select[Any]
) -> tuple[Place, Row[Any]] | tuple[None, None]:
    """What `statement` (see `oldest`) finds at the place whose turn it is."""
    passed_over: frozenset[Place] = frozenset()
    while place := next_place(connection, pool, passed_over):
        row = connection.execute(statement, _at(place)).one_or_none()
        if row is not None:
            return place, row
        passed_over |= {place}
    return None, None


def oldest(database: Database, *columns: Any) -> Select[Any]:
    """The oldest job of a place (`_at`) that is not too late; upkeep ends those within a second."""
    return (
        select(*columns)
        .where(
            jobs.c.pool == bindparam("pool"),
            # Written out and not bound, or the planner cannot see that the partial index serves.
            jobs.c.state == literal_column(f"'{State.QUEUED}'"),
            jobs.c.tenant_id == bindparam("tenant"),
            jobs.c.priority == bindparam("priority"),
            jobs.c.group_name == bindparam("group"),
            ~too_late(database.now),
        )
        .order_by(jobs.c.id)
        .limit(1)
    )


def _at(place: Place) -> dict[str, Any]:
    return {
        "pool": place.pool,
        "tenant": place.tenant_id,
        "priority": place.priority,
        "group": place.group,
    }
