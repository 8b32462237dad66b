"""Upstream accounts: their limits, pauses and balances. The row is the durable half of the limiter."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, ScalarSelect, func, insert, or_, select, update

from db.engine import Database
from db.ids import new_id
from db.rows import Account, RecentCall
from db.tables import accounts, attempts
from jobs import credits as balances
from jobs.account_pauses import Pause, PauseReason
from jobs.credits import Reading
from jobs.money import Money


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
        """Let no call leave. A pause with an end never shortens or replaces one without."""
        change = update(accounts).where(accounts.c.id == account_id)
        if pause.until is not None:
            earlier = accounts.c.paused_until < pause.until
            change = change.where(or_(accounts.c.pause_reason.is_(None), earlier))
        with self._database.write() as connection:
            connection.execute(change.values(pause_reason=pause.reason, paused_until=pause.until))

    def resume(self, account_id: UUID, reason: PauseReason) -> bool:
        """End the pause if it still has this reason; whether it had."""
        with self._database.write() as connection:
            ended = connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, accounts.c.pause_reason == reason)
                .values(pause_reason=None, paused_until=None)
            )
            return bool(ended.rowcount)

    def end_past_pauses(self) -> list[UUID]:
        """Clear the pauses whose end has come; the accounts that may call again."""
        with self._database.write() as connection:
            ended = connection.execute(
                update(accounts)
                .where(
                    accounts.c.paused_until.is_not(None),
                    accounts.c.paused_until <= self._database.now,
                )
                .values(pause_reason=None, paused_until=None)
                .returning(accounts.c.id)
            )
            return list(ended.scalars())

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

        Those that provably never left are left out.
        """
        with self._database.read() as connection:
            at = self._database.time(connection)
            rows = connection.execute(
                select(attempts.c.id, attempts.c.claimed_at).where(
                    attempts.c.account_id == account_id,
                    attempts.c.claimed_at > at - within,
                    attempts.c.sent_at.is_not(None) | attempts.c.finished_at.is_(None),
                )
            )
            return [RecentCall(r.id, (at - r.claimed_at).total_seconds()) for r in rows]


def held_by(
    connection: Connection, account_id: UUID, price: Money, database: Database
) -> Pause | None:
    """What keeps a call of this price from leaving now: a pause, or a balance too small."""
    row = connection.execute(
        select(
            accounts,
            (accounts.c.paused_until <= database.now).label("over"),
            _committed(account_id).label("committed"),
        ).where(accounts.c.id == account_id)
    ).one()
    account = account_of(row)
    if account.pause is not None and not row.over:
        return account.pause
    known = account.credits.credits if account.credits else None
    if balances.covers(known, Money(int(row.committed)), price):
        return None
    return Pause(PauseReason.CREDITS, None)


def believe(connection: Connection, account_id: UUID, reading: Reading) -> None:
    """Let the newer of the known reading and this one stand (`jobs.credits.newer`)."""
    row = connection.execute(
        select(accounts).where(accounts.c.id == account_id).with_for_update()
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
        pause=Pause(PauseReason(row.pause_reason), row.paused_until) if row.pause_reason else None,
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
