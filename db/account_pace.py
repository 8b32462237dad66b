"""How fast a pool's accounts may be called now: what the forecasts reckon with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from db.tables import attempts
from jobs.money import Money
from jobs.pace import burst


@dataclass(frozen=True)
class AccountPace:
    """What an account may do from `opens` on; None: it pauses, and nobody knows how long.

    `limit`: what is believed to be allowed in a window. `at_once`: calls that may leave as soon as it
    opens. `left`: its balance less what calls under
    way may still cost, None when unknown. `in_slots`: calls that workers have in hand.
    """

    account: Account
    limit: int
    opens: datetime | None
    at_once: int
    paused_models: frozenset[str]
    left: Money | None
    in_slots: int


def account_paces(database: Database, pool: str, now: datetime) -> tuple[AccountPace, ...]:
    """The accounts of the pool, as they may be called at `now`."""
    accounts = AccountStore(database)
    return tuple(_pace_of(database, accounts, one, now) for one in accounts.of_pool(pool))


def _pace_of(
    database: Database, accounts: AccountStore, account: Account, now: datetime
) -> AccountPace:
    pause = account.pause(now)
    opens = now if pause is None else pause.until
    window = timedelta(seconds=account.window_seconds)
    at_once = burst(account.believed_limit)
    with database.read() as connection:
        first = connection.scalar(_claimed_last(account.id, account.believed_limit))
        if opens is not None and first is not None:
            # As many as the window takes: the next may leave when the first of them has left it.
            opens = max(opens, first + window)
        # In a tenth of a window as many calls become free as may leave at once.
        since = (opens or now) - window / 10
        recent = connection.scalar(_claimed_since(account.id, since, at_once)) or 0
        in_slots = connection.scalar(_in_slots(account.id)) or 0
    known = account.credits
    return AccountPace(
        account,
        account.believed_limit,
        opens,
        max(0, at_once - recent),
        frozenset(paused.model for paused in accounts.model_pauses(account.id)),
        Money(known.credits - accounts.committed(account.id)) if known else None,
        in_slots,
    )


def _claimed_last(account_id: UUID, most: int) -> Select[Any]:
    """When the first of its last `most` calls was claimed."""
    return (
        select(attempts.c.claimed_at)
        .where(attempts.c.account_id == account_id)
        .order_by(attempts.c.claimed_at.desc())
        .offset(most - 1)
        .limit(1)
    )


def _claimed_since(account_id: UUID, moment: datetime, most: int) -> Select[Any]:
    some = (
        select(attempts.c.id)
        .where(attempts.c.account_id == account_id, attempts.c.claimed_at > moment)
        .limit(most)
    )
    return select(func.count()).select_from(some.subquery())


def _in_slots(account_id: UUID) -> Select[Any]:
    """A call that is polled, or in doubt, holds none."""
    return select(func.count()).where(
        attempts.c.account_id == account_id,
        attempts.c.finished_at.is_(None),
        attempts.c.in_doubt_at.is_(None),
        attempts.c.next_poll_at.is_(None),
    )
