"""Upstream accounts: their limits, pauses and balances. The row is the durable half of the limiter."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, ScalarSelect, func, insert, or_, select, update

from db.engine import Database
from db.ids import new_id
from db.rows import Account, Held, RecentCall
from db.tables import accounts, attempts
from jobs import credits as balances
from jobs.account_pauses import Pause, PauseReason
from jobs.credits import Reading
from jobs.money import Money
from jobs.states import State


class AccountStore:
    """One method per thing that can become known of an account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, pool: str, name: str, *, call_limit: int, window_seconds: int) -> Account:
        """The account of this name, made when new, with its limit set to what is configured."""
        limits = {"call_limit": call_limit, "window_seconds": window_seconds}
        mine = (accounts.c.pool == pool, accounts.c.name == name)
        with self._database.write() as connection:
            _lock_name(connection, f"{pool}/{name}", sqlite=self._database.is_sqlite)
            row = connection.execute(
                update(accounts).where(*mine).values(limits).returning(accounts)
            ).one_or_none()
            if row is None:
                row = connection.execute(
                    insert(accounts)
                    .values(
                        id=new_id(), pool=pool, name=name, created_at=self._database.now, **limits
                    )
                    .returning(accounts)
                ).one()
            return account_of(row)

    def get(self, account_id: UUID) -> Account:
        """The account; it must exist."""
        with self._database.read() as connection:
            return account_of(
                connection.execute(select(accounts).where(accounts.c.id == account_id)).one()
            )

    def of_pool(self, pool: str) -> list[Account]:
        """The accounts of a pool, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(accounts).where(accounts.c.pool == pool).order_by(accounts.c.id)
            )
            return [account_of(row) for row in rows]

    def pause(self, account_id: UUID, pause: Pause) -> None:
        """Let no call leave. A rate limit is only ever made longer, and outlives other pauses."""
        with self._database.write() as connection:
            pause_account(connection, account_id, pause)

    def resume(self, account_id: UUID, reason: PauseReason) -> bool:
        """End the pause if it still has this reason; whether it had. A rate limit ends by itself."""
        with self._database.write() as connection:
            ended = connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, accounts.c.paused_for == reason)
                .values(paused_for=None)
            )
            return bool(ended.rowcount)

    def open_first(self, account_id: UUID) -> bool:
        """True for the one caller who is the first ever to open this account's limiter."""
        with self._database.write() as connection:
            opened = connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, accounts.c.opened_at.is_(None))
                .values(opened_at=self._database.now)
            )
            return bool(opened.rowcount)

    def read_credits(self, account_id: UUID, reading: Reading) -> None:
        """Take note of a balance that an answer carried."""
        with self._database.write() as connection:
            believe(connection, account_id, reading)

    def committed(self, account_id: UUID) -> Money:
        """What running and in-doubt calls of the account may still cost."""
        with self._database.read() as connection:
            return Money(int(connection.scalar(select(_committed(account_id))) or 0))

    def recent_calls(self, account_id: UUID, within: timedelta) -> list[RecentCall]:
        """Calls that may count in the provider's window still: for a limiter without memory.

        Those that provably never left are left out. One that was settled from its images alone has
        no moment of sending, and was sent all the same.
        """
        with self._database.read() as connection:
            at = self._database.time(connection)
            rows = connection.execute(
                select(attempts.c.id, attempts.c.claimed_at).where(
                    attempts.c.account_id == account_id,
                    attempts.c.claimed_at > at - within,
                    or_(
                        attempts.c.sent_at.is_not(None),
                        attempts.c.finished_at.is_(None),
                        attempts.c.outcome == State.SUCCEEDED,
                    ),
                )
            )
            return [RecentCall(r.id, (at - r.claimed_at).total_seconds()) for r in rows]


def held_by(
    connection: Connection, account_id: UUID, price: Money, database: Database
) -> Held | None:
    """What keeps a call of this price from leaving now: a pause, or a balance too small.

    The row stays locked until the claim commits: two claims that both see a balance for one call
    would both go. What is committed is read after the lock, and so sees the other's claim.
    """
    row = connection.execute(
        select(accounts).where(accounts.c.id == account_id).with_for_update(key_share=True)
    ).one()
    account = account_of(row)
    pause = account.pause(database.time(connection))
    if pause is not None:
        return Held(pause)
    if account.credits is None:
        return None
    committed = Money(int(connection.scalar(select(_committed(account_id))) or 0))
    if balances.covers(account.credits.credits, committed, price):
        return None
    return Held(Pause(PauseReason.CREDITS, None), noted=False)


def pause_account(connection: Connection, account_id: UUID, pause: Pause) -> None:
    """Write a pause down. The end of a rate limit only ever moves on."""
    change = update(accounts).where(accounts.c.id == account_id)
    if pause.until is None:
        connection.execute(change.values(paused_for=pause.reason))
        return
    until = accounts.c.limited_until
    connection.execute(
        change.where(or_(until.is_(None), until < pause.until)).values(limited_until=pause.until)
    )


def believe(connection: Connection, account_id: UUID, reading: Reading) -> None:
    """Let the newer of the known reading and this one stand (`jobs.credits.newer`)."""
    # Not the plain FOR UPDATE: that would make every claim wait, whose attempt refers to the row.
    row = connection.execute(
        select(accounts).where(accounts.c.id == account_id).with_for_update(key_share=True)
    ).one()
    known = account_of(row).credits
    believed = balances.newer(known, reading)
    if believed != known:
        connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(
                credits=believed.credits,
                credits_sent_at=believed.sent_at,
                credits_arrived_at=believed.arrived_at,
            )
        )


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
    )


def _committed(account_id: UUID) -> ScalarSelect[Any]:
    return (
        select(func.coalesce(func.sum(attempts.c.estimate), 0))
        .where(attempts.c.account_id == account_id, attempts.c.finished_at.is_(None))
        .scalar_subquery()
    )


def _lock_name(connection: Connection, name: str, *, sqlite: bool) -> None:
    # Two workers that start at once must not both insert; SQLite's writer is alone anyway.
    if not sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
