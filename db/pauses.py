"""What keeps an account's calls from leaving, as the commits of claims and settles see it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, insert, or_, select, update

from db.account_rows import Hindrances, hindrances, locked, locked_at
from db.engine import Database
from db.rows import Held
from db.tables import accounts, attempts, model_pauses
from jobs import money
from jobs.account_pauses import Pause, PauseReason, is_over
from jobs.catalog import Transport
from jobs.money import ZERO, Money


@dataclass(frozen=True)
class Standing:
    """An account as a claim finds it, its row locked: `at` is the database's time."""

    at: datetime
    pause: Pause | None
    credits: Money | None
    transport: Transport | None
    hindrances: Hindrances

    @property
    def committed(self) -> Money:
        """What calls under way or in doubt may still cost."""
        return self.hindrances.committed

    def stops(self, model: str, tenant_id: UUID, group: str) -> bool:
        """Whether no call of the model, the tenant or its group may leave now."""
        found = self.hindrances
        return (
            model in found.models
            or tenant_id in found.tenants
            or (tenant_id, group) in found.groups
        )


def standing(
    connection: Connection, account_id: UUID, tenant_ids: Collection[UUID], database: Database
) -> Standing:
    """What may keep calls of the account, for these tenants, from leaving.

    The row stays locked until the commit. The rest is read after the lock, and so sees what other
    claims, settles and operators have committed meanwhile.
    """
    account, at = locked_at(connection, account_id, database)
    return Standing(
        at=at,
        pause=account.pause(at),
        credits=account.credits.credits if account.credits else None,
        transport=account.transport,
        hindrances=hindrances(connection, account_id, tenant_ids),
    )


def credits_pause(
    connection: Connection,
    account_id: UUID,
    now: Standing,
    price: Money,
    floor: Money,
    database: Database,
) -> Held:
    """Pause the account since its balance does not cover `price` and leave `floor`.

    In the claim's own commit, before anyone can bring a better balance.
    """
    said = (
        f"a balance of {money.text(now.credits or ZERO)} USD, of which calls under way or in "
        f"doubt may cost {money.text(now.committed)}, does not pay for the next call's "
        f"{money.text(price)}"
        + (f" and leave {money.text(floor)} (SEGQ_CREDITS_FLOOR)" if floor else "")
    )
    pause = Pause(PauseReason.CREDITS, None, said=said)
    return Held(pause, new=pause_account(connection, account_id, pause, database))


def pause_account(
    connection: Connection,
    account_id: UUID,
    pause: Pause,
    database: Database,
    attempt_id: UUID | None = None,
) -> bool:
    """Write a pause down; whether it is a new one. `attempt_id`: whose call was refused.

    The end of a rate limit only ever moves on, and is reckoned from the database's time: the clock
    of a worker, ahead or behind, would hold the account too long or too briefly. Any other pause
    keeps the moment at which it began, however many refusals follow, and one that is over
    (`jobs.account_pauses.is_over`) is none.
    """
    if pause.until is not None:
        until = accounts.c.limited_until
        ends = pause.until if pause.lasts is None else database.after(pause.lasts)
        moved_on = connection.execute(
            update(accounts)
            .where(accounts.c.id == account_id, or_(until.is_(None), until < ends))
            .values(limited_until=ends)
        )
        return bool(moved_on.rowcount)
    account = locked(connection, account_id)
    claimed_at = connection.scalar(select(attempts.c.claimed_at).where(attempts.c.id == attempt_id))
    if pause.model is not None:
        return _pause_model(connection, account_id, pause, claimed_at, database)
    # What somebody has stopped by hand stays stopped, though a probe would end another reason.
    stays = {pause.reason, PauseReason.OPERATOR}
    if account.paused_for in stays or is_over(claimed_at, account.resumed_at):
        return False
    connection.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(paused_for=pause.reason, paused_at=database.now, pause_message=pause.said)
    )
    return True


def join_model_pauses(
    connection: Connection, account_id: UUID, pool: str, database: Database
) -> None:
    """Stop, for an account that joins its pool, the models that an operator has stopped on all others
    of it: he meant the model, and a row is of one account.

    The caller holds the account's row.
    """
    others = select(accounts.c.id).where(
        accounts.c.pool == pool, accounts.c.id != account_id, accounts.c.removed_at.is_(None)
    )
    count = select(func.count()).select_from(others.subquery()).scalar_subquery()
    rows = connection.execute(
        select(model_pauses.c.model, func.min(model_pauses.c.message).label("message"))
        .where(
            model_pauses.c.account_id.in_(others),
            model_pauses.c.paused_for == PauseReason.OPERATOR,
            model_pauses.c.resumed_at.is_(None),
        )
        .group_by(model_pauses.c.model)
        .having(func.count() == count)
    ).all()
    for row in rows:
        pause = Pause(PauseReason.OPERATOR, None, row.model, row.message)
        _pause_model(connection, account_id, pause, None, database)


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
