"""What keeps an account's calls from leaving, as the commits of claims and settles see it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, insert, or_, select, update

from db.account_rows import committed, locked
from db.engine import Database
from db.rows import Held
from db.tables import accounts, attempts, model_pauses
from jobs import credits as balances
from jobs import money
from jobs.account_pauses import Pause, PauseReason, is_over
from jobs.money import Money


def held_by(
    connection: Connection, account_id: UUID, price: Money, database: Database
) -> Held | None:
    """What keeps a call of this price from leaving now: a pause, or a balance too small.

    The row stays locked until the claim commits: two claims that both see a balance for one call
    would both go. What is committed is read after the lock, and so sees the other's claim. A
    balance that is too small pauses the account here, before anyone can bring a better one.
    """
    account = locked(connection, account_id)
    pause = account.pause(database.time(connection))
    if pause is not None:
        return Held(pause)
    if account.credits is None:
        return None
    open_calls = committed(connection, account_id)
    if balances.covers(account.credits.credits, open_calls, price):
        return None
    said = (
        f"a balance of {money.text(account.credits.credits)} USD, of which calls under way or in "
        f"doubt may cost {money.text(open_calls)}, does not pay for the next call's "
        f"{money.text(price)}"
    )
    pause = Pause(PauseReason.CREDITS, None, said=said)
    return Held(pause, new=pause_account(connection, account_id, pause, database))


def may_call(connection: Connection, account_id: UUID, model: str) -> bool:
    """Whether the model does not pause on the account; asked while its row is locked."""
    paused = select(model_pauses.c.model).where(
        model_pauses.c.account_id == account_id,
        model_pauses.c.model == model,
        model_pauses.c.resumed_at.is_(None),
    )
    return connection.scalar(paused) is None


def pause_account(
    connection: Connection,
    account_id: UUID,
    pause: Pause,
    database: Database,
    attempt_id: UUID | None = None,
) -> bool:
    """Write a pause down; whether it is a new one. `attempt_id`: whose call was refused.

    The end of a rate limit only ever moves on. Any other pause keeps the moment at which it began,
    however many refusals follow, and one that is over (`jobs.account_pauses.is_over`) is none.
    """
    if pause.until is not None:
        until = accounts.c.limited_until
        moved_on = connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id, or_(until.is_(None), until < pause.until))
            .values(limited_until=pause.until)
        )
        return bool(moved_on.rowcount)
    account = locked(connection, account_id)
    claimed_at = connection.scalar(select(attempts.c.claimed_at).where(attempts.c.id == attempt_id))
    if pause.model is not None:
        return _pause_model(connection, account_id, pause, claimed_at, database)
    if account.paused_for is pause.reason or is_over(claimed_at, account.resumed_at):
        return False
    connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(paused_for=pause.reason, paused_at=database.now, pause_message=pause.said)
    )
    return True


def _pause_model(
    connection: Connection,
    account_id: UUID,
    pause: Pause,
    claimed_at: datetime | None,
    database: Database,
) -> bool:
    # No other can be writing the same row: who pauses or resumes holds the account's.
    mine = (model_pauses.c.account_id == account_id, model_pauses.c.model == pause.model)
    known = connection.execute(select(model_pauses.c.resumed_at).where(*mine)).one_or_none()
    values = {
        "paused_for": pause.reason,
        "message": pause.said,
        "paused_at": database.now,
        "resumed_at": None,
    }
    if known is None:
        connection.execute(
            insert(model_pauses).values(account_id=account_id, model=pause.model, **values)
        )
        return True
    if known.resumed_at is None or is_over(claimed_at, known.resumed_at):
        return False
    connection.execute(update(model_pauses).where(*mine).values(values))
    return True
