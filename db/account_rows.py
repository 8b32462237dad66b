"""Rows of `accounts` as values, and what their calls still under way may cost."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from db.rows import Account
from db.tables import accounts, attempts
from jobs.account_pauses import PauseReason
from jobs.credits import Reading
from jobs.money import Money


def locked(connection: Connection, account_id: UUID) -> Account:
    """The account, its row locked until the commit."""
    # Not the plain FOR UPDATE: that would make every claim wait, whose attempt refers to the row.
    row = connection.execute(
        select(accounts).where(accounts.c.id == account_id).with_for_update(key_share=True)
    ).one()
    return account_of(row)


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
    )


def committed(connection: Connection, account_id: UUID) -> Money:
    """What running and in-doubt calls of the account may still cost."""
    found = connection.scalar(
        select(func.coalesce(func.sum(attempts.c.estimate), 0)).where(
            attempts.c.account_id == account_id, attempts.c.finished_at.is_(None)
        )
    )
    return Money(int(found or 0))
