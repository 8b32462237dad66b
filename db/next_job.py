"""The job that goes next: the oldest at the place whose turn it is."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Row,
    Select,
    SmallInteger,
    String,
    Uuid,
    bindparam,
    select,
    tuple_,
)

from db.engine import Database
from db.jobs import too_late
from db.tables import jobs, model_pauses
from db.turns import IN_ORDER, Place, in_order, next_place


def first_job(
    connection: Connection, pool: str, account_id: UUID, statement: Select[Any]
) -> tuple[Place, Row[Any]] | tuple[None, None]:
    """What `statement` (see `oldest`) finds for this account at the place whose turn it is."""
    passed_over: frozenset[Place] = frozenset()
    while place := next_place(connection, pool, passed_over):
        row = connection.execute(statement, {**_at(place), "account": account_id}).one_or_none()
        if row is not None:
            return place, row
        passed_over |= {place}
    return None, None


def oldest(database: Database, *columns: Any) -> Select[Any]:
    """The oldest job of a place (`_at`) that the account may call and that is not too late.

    Upkeep takes the others out of the way within a second: it holds or ends them.
    """
    # Apart from the job, and so asked once; a correlated one may be planned as a join of all.
    paused = select(model_pauses.c.model).where(
        model_pauses.c.account_id == bindparam("account", type_=Uuid),
        model_pauses.c.resumed_at.is_(None),
    )
    # As a row: see db/turns.py.
    place = tuple_(jobs.c.priority, jobs.c.group_name)
    here = tuple_(bindparam("priority", type_=SmallInteger), bindparam("group", type_=String))
    return (
        select(*columns)
        .where(
            jobs.c.pool == bindparam("pool"),
            *in_order(),
            jobs.c.tenant_id == bindparam("tenant"),
            place >= here,
            place <= here,
            jobs.c.model.not_in(paused),
            ~too_late(database.now),
        )
        .order_by(*IN_ORDER)
        .limit(1)
    )


def _at(place: Place) -> dict[str, Any]:
    return {
        "pool": place.pool,
        "tenant": place.tenant_id,
        "priority": place.priority,
        "group": place.group,
    }
