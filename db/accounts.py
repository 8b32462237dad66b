"""Upstream accounts: their limits, pauses and balances. The row is the durable half of the limiter."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, and_, func, or_, select, update

from db.account_limits import NOTHING_LEARNED, differs
from db.account_rows import (
    account_of,
    committed,
    insert_account,
    locked,
    note,
    of_key,
    since_another_key,
)
from db.account_values import Account, Change, KeySource, ModelPause, RecentCall
from db.balances import believe
from db.engine import Database
from db.pauses import join_model_pauses, pause_account
from db.tables import accounts, attempts, model_pauses
from jobs.account_pauses import Pause, PauseReason, with_probe_trouble
from jobs.catalog import Transport
from jobs.credits import Reading
from jobs.money import Money
from jobs.states import State


class AccountStore:
    """One method per thing that can become known of an account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(
        self,
        pool: str,
        name: str,
        *,
        call_limit: int,
        window_seconds: int,
        limit_auto: bool = False,
        given: str | None = None,
    ) -> Account:
        """The account of this name, made when new, with its limit set to what is configured, unless
        an operator has set another. What was learned of another limit is forgotten.

        `given`: the fingerprint of its key, which the environment has. None: its key stays as it is.
        """
        limits = {
            "call_limit": call_limit,
            "window_seconds": window_seconds,
            "limit_auto": limit_auto,
        }
        its_key = {} if given is None else of_key(KeySource.ENVIRONMENT, given)
        mine = (accounts.c.pool == pool, accounts.c.name == name)
        configured = (*mine, ~accounts.c.limit_by_hand)
        with self._database.write() as connection:
            lock_name(connection, f"{pool}/{name}", sqlite=self._database.is_sqlite)
            connection.execute(
                update(accounts)
                .where(*configured, differs(limits))
                .values(**limits, **NOTHING_LEARNED)
            )
            known = connection.execute(select(accounts).where(*mine)).one_or_none()
            row = known
            if row is not None and given is not None:
                another = since_another_key(given, self._database)
                row = connection.execute(
                    update(accounts).where(*mine).values(**its_key, **another).returning(accounts)
                ).one()
            elif row is None:
                row = insert_account(connection, self._database, pool, name, **limits, **its_key)
            if known is None or (known.removed_at is not None and given is not None):
                join_model_pauses(connection, row.id, pool, self._database)
            return account_of(row)

    def drop_missing(self, pool: str, given: Collection[str]) -> list[str]:
        """Remove accounts whose keys the environment had and has no more; their names."""
        with self._database.write() as connection:
            return list(
                connection.scalars(
                    update(accounts)
                    .where(
                        accounts.c.pool == pool,
                        accounts.c.key_source == KeySource.ENVIRONMENT,
                        accounts.c.name.not_in(sorted(given)),
                        accounts.c.removed_at.is_(None),
                    )
                    .values(removed_at=self._database.now)
                    .returning(accounts.c.name)
                )
            )

    def get(self, account_id: UUID) -> Account:
        """The account; it must exist."""
        with self._database.read() as connection:
            return account_of(
                connection.execute(select(accounts).where(accounts.c.id == account_id)).one()
            )

    def time(self) -> datetime:
        """The database's time: pauses are of no other clock."""
        with self._database.read() as connection:
            return self._database.time(connection)

    def of_pool(self, pool: str) -> list[Account]:
        """The accounts of a pool, oldest first, less those that were removed."""
        return [one for one in self.ever_of_pool(pool) if one.removed_at is None]

    def ever_of_pool(self, pool: str) -> list[Account]:
        """The accounts that a pool has or had, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(accounts).where(accounts.c.pool == pool).order_by(accounts.c.id)
            )
            return [account_of(row) for row in rows]

    def all(self) -> list[Account]:
        """The accounts of all pools, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(accounts).order_by(accounts.c.id))
            return [account_of(row) for row in rows]

    def pause(self, account_id: UUID, pause: Pause, change: Change | None = None) -> None:
        """Let no call leave. A rate limit is only ever made longer, and outlives other pauses."""
        with self._database.write() as connection:
            # What paused already stays as it is, and so does who has paused it.
            if pause_account(connection, account_id, pause, self._database):
                self._note(connection, account_id, change)

    def resume(self, account_id: UUID, reason: PauseReason, change: Change | None = None) -> bool:
        """End the pause if it still has this reason; whether it had. A rate limit ends by itself.

        A refusal of a call that was claimed before now pauses nothing any more.
        """
        with self._database.write() as connection:
            ended = connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, accounts.c.paused_for == reason)
                .values(
                    paused_for=None,
                    paused_at=None,
                    pause_message=None,
                    resumed_at=self._database.now,
                    **note(change, self._database),
                )
            )
            return bool(ended.rowcount)

    def set_transport(
        self, account_id: UUID, transport: Transport | None, change: Change | None = None
    ) -> None:
        """Call its models this way from the next claim on; None: as the catalog says."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id)
                .values(transport=transport, **note(change, self._database))
            )

    def tell_key_trouble(self, account_id: UUID, trouble: str | None) -> None:
        """Why upkeep cannot use its key; None: it can."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts).where(accounts.c.id == account_id).values(key_trouble=trouble)
            )

    def tell_another_key(self, account_id: UUID) -> None:
        """Calls leave now with a key that is not the one its row tells of."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id)
                .values(key_changed_at=self._database.now)
            )

    def tell_probe_trouble(self, account_id: UUID, trouble: str | None) -> bool:
        """Add to a pause's words why its probe fails, or take that away; whether they changed."""
        with self._database.write() as connection:
            account = locked(connection, account_id)
            said = with_probe_trouble(account.pause_message or "", trouble)
            if account.paused_for is None or said == (account.pause_message or ""):
                return False
            connection.execute(
                update(accounts).where(accounts.c.id == account_id).values(pause_message=said)
            )
            return True

    def model_pauses(self, account_id: UUID) -> list[ModelPause]:
        """The models that the account may not call, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(model_pauses)
                .where(model_pauses.c.account_id == account_id, model_pauses.c.resumed_at.is_(None))
                .order_by(model_pauses.c.model)
            )
            return [
                ModelPause(row.model, PauseReason(row.paused_for), row.message, row.paused_at)
                for row in rows
            ]

    def resume_model(self, account_id: UUID, model: str, change: Change | None = None) -> bool:
        """Let the account call the model again; whether it paused. Upkeep brings its jobs back."""
        with self._database.write() as connection:
            # Whoever writes a pause of a model holds the account's row (db/pauses.py).
            locked(connection, account_id)
            ended = connection.execute(
                update(model_pauses)
                .where(
                    model_pauses.c.account_id == account_id,
                    model_pauses.c.model == model,
                    model_pauses.c.resumed_at.is_(None),
                )
                .values(resumed_at=self._database.now)
            )
            if ended.rowcount:
                self._note(connection, account_id, change)
            return bool(ended.rowcount)

    def _note(self, connection: Connection, account_id: UUID, change: Change | None) -> None:
        if change is not None:
            connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id)
                .values(note(change, self._database))
            )

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
            return committed(connection, account_id)

    def of_the_same_key(self, account_id: UUID) -> list[UUID]:
        """Itself, and those that its pool has or had under other names and whose keys end alike: they
        may share the provider's window. Keys too short to be told apart are of nobody else.
        """
        me = accounts.alias("me")
        alike = and_(me.c.key_fingerprint == accounts.c.key_fingerprint, me.c.key_fingerprint != "")
        with self._database.read() as connection:
            return list(
                connection.scalars(
                    select(accounts.c.id)
                    .join(
                        me, and_(me.c.pool == accounts.c.pool, or_(me.c.id == accounts.c.id, alike))
                    )
                    .where(me.c.id == account_id)
                )
            )

    def recent_calls(self, account_id: UUID, within: timedelta) -> list[RecentCall]:
        """Calls that may count in the provider's window still: for a limiter without memory. Those
        that its key made for an account of another name count, too.

        Those that provably never left are left out. One that was settled from its images alone has
        no moment of sending, and was sent all the same.
        """
        ids = self.of_the_same_key(account_id)
        with self._database.read() as connection:
            at = self._database.time(connection)
            rows = connection.execute(
                select(attempts.c.id, attempts.c.claimed_at).where(
                    attempts.c.account_id.in_(ids),
                    attempts.c.claimed_at > at - within,
                    or_(
                        attempts.c.sent_at.is_not(None),
                        attempts.c.finished_at.is_(None),
                        attempts.c.outcome == State.SUCCEEDED,
                    ),
                )
            )
            return [RecentCall(r.id, (at - r.claimed_at).total_seconds()) for r in rows]


def lock_name(connection: Connection, name: str, *, sqlite: bool) -> None:
    """Until the commit nobody else makes an account of this name (`pool/name`)."""
    # Two workers that start at once must not both insert; SQLite's writer is alone anyway.
    if not sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
