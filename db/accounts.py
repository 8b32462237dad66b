"""Upstream accounts: their limits, pauses and balances. The row is the durable half of the limiter."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from db.account_rows import account_of, committed, locked
from db.engine import Database
from db.ids import new_id
from db.pauses import pause_account
from db.rows import Account, ModelPause, RecentCall
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
    ) -> Account:
        """The account of this name, made when new, with its limit set to what is configured.

        What was learned of another limit is forgotten.
        """
        limits = {
            "call_limit": call_limit,
            "window_seconds": window_seconds,
            "limit_auto": limit_auto,
        }
        mine = (accounts.c.pool == pool, accounts.c.name == name)
        other = or_(
            accounts.c.call_limit != call_limit,
            accounts.c.window_seconds != window_seconds,
            accounts.c.limit_auto != limit_auto,
        )
        with self._database.write() as connection:
            connection.execute(update(accounts).where(*mine, other).values(_NOTHING_LEARNED))
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
            pause_account(connection, account_id, pause, self._database)

    def resume(self, account_id: UUID, reason: PauseReason) -> bool:
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
                )
            )
            return bool(ended.rowcount)

    def set_transport(self, account_id: UUID, transport: Transport | None) -> None:
        """Call its models this way from the next claim on; None: as the catalog says."""
        with self._database.write() as connection:
            connection.execute(
                update(accounts).where(accounts.c.id == account_id).values(transport=transport)
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

    def resume_model(self, account_id: UUID, model: str) -> bool:
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
            return committed(connection, account_id)

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


_NOTHING_LEARNED = {
    "learned_limit": None,
    "good_limit": None,
    "learned_revision": None,
    "window_kind": None,
}


def believe(connection: Connection, account_id: UUID, reading: Reading) -> None:
    """Let the newer of the known reading and this one stand: `jobs.credits.newer` in one trip."""
    connection.execute(
        _BELIEVE,
        {
            "account": account_id,
            "read": reading.credits,
            "sent": reading.sent_at,
            "arrived": reading.arrived_at,
        },
    )


_BELIEVE = (
    update(accounts)
    .where(
        accounts.c.id == bindparam("account"),
        or_(
            accounts.c.credits.is_(None),
            accounts.c.credits_arrived_at < bindparam("sent"),
            accounts.c.credits > bindparam("read"),
        ),
    )
    .values(
        credits=bindparam("read"),
        credits_sent_at=bindparam("sent"),
        credits_arrived_at=bindparam("arrived"),
    )
)


def _lock_name(connection: Connection, name: str, *, sqlite: bool) -> None:
    # Two workers that start at once must not both insert; SQLite's writer is alone anyway.
    if not sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
