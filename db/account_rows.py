"""Rows of `accounts` as values, and what their calls still under way may cost."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Connection,
    Row,
    String,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from db.engine import Database
from db.rows import Account, Learned
from db.tables import accounts, attempts, model_pauses
from jobs.account_pauses import PauseReason
from jobs.catalog import Transport
from jobs.credits import Reading
from jobs.money import Money


def locked(connection: Connection, account_id: UUID) -> Account:
    """The account, its row locked until the commit."""
    # Not the plain FOR UPDATE: that would make every claim wait, whose attempt refers to the row.
    row = connection.execute(
        select(accounts).where(accounts.c.id == account_id).with_for_update(key_share=True)
    ).one()
    return account_of(row)


def locked_at(
    connection: Connection, account_id: UUID, database: Database
) -> tuple[Account, datetime]:
    """`locked`, and the database's time, in one trip; the time is from before a wait for the lock."""
    if database.is_sqlite:
        return locked(connection, account_id), database.time(connection)
    row = connection.execute(
        select(accounts, database.now.label("at"))
        .where(accounts.c.id == account_id)
        .with_for_update(key_share=True)
    ).one()
    return account_of(row), row.at


def account_of(row: Row[Any]) -> Account:
    """An `accounts` row as a value."""
    read = row.credits is not None
    return Account(
        id=row.id,
        pool=row.pool,
        name=row.name,
        call_limit=row.call_limit,
        window_seconds=row.window_seconds,
        credits=Reading(Money(row.credits), row.credits_sent_at, row.credits_arrived_at)
        if read
        else None,
        paused_for=PauseReason(row.paused_for) if row.paused_for else None,
        limited_until=row.limited_until,
        paused_at=row.paused_at,
        resumed_at=row.resumed_at,
        pause_message=row.pause_message,
        transport=Transport(row.transport) if row.transport else None,
        limit_auto=row.limit_auto,
        learned=Learned(row.learned_limit, row.good_limit, row.learned_revision)
        if row.learned_limit is not None
        else None,
        window_kind=row.window_kind,
    )


def committed(connection: Connection, account_id: UUID) -> Money:
    """What running and in-doubt calls of the account may still cost."""
    return Money(int(connection.scalar(_OPEN_CALLS, {"account": account_id}) or 0))


def open_calls_and_paused_models(
    connection: Connection, account_id: UUID
) -> tuple[Money, frozenset[str]]:
    """What `committed` says, and the models that the account may not call: both in one trip."""
    rows = connection.execute(_OPEN_AND_PAUSED, {"account": account_id}).all()
    return (
        Money(sum(int(row.price) for row in rows if row.model is None)),
        frozenset(row.model for row in rows if row.model is not None),
    )


_OPEN_CALLS = select(func.coalesce(func.sum(attempts.c.estimate), 0).label("price")).where(
    attempts.c.account_id == bindparam("account", type_=Uuid), attempts.c.finished_at.is_(None)
)
_PAUSED_MODELS = select(literal(0), model_pauses.c.model).where(
    model_pauses.c.account_id == bindparam("account", type_=Uuid),
    model_pauses.c.resumed_at.is_(None),
)
_OPEN_AND_PAUSED = union_all(
    _OPEN_CALLS.add_columns(cast(null(), String).label("model")), _PAUSED_MODELS
)
