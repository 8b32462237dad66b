"""What a pool's queued jobs wait for. It is the same for all of them, so it is asked once for many."""

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from db.accounts import AccountStore
from db.rows import Account
from jobs.account_pauses import WORDS, PauseReason
from jobs.states import WaitingFor
from jobs.wire import waiting_key

REMEMBERED_SECONDS = 0.25
_WITHOUT_REDIS_SECONDS = 2.0
"""A Redis that hangs must not hold up every answer."""

_OF_PAUSE = {
    PauseReason.RATE_LIMIT: WaitingFor.RATE_LIMIT,
    PauseReason.CREDITS: WaitingFor.CREDITS,
    PauseReason.SPEND_LIMIT: WaitingFor.CREDITS,
    PauseReason.KEY_REFUSED: WaitingFor.PAUSED,
    PauseReason.FORBIDDEN: WaitingFor.PAUSED,
}


@dataclass(frozen=True)
class Waiting:
    """What a job waits for, and in words why, where there is more to say."""

    reason: WaitingFor
    note: str | None = None


class WaitingReasons:
    """Asks the accounts' rows, then what the workers say in Redis."""

    def __init__(self, accounts: AccountStore, redis: Redis) -> None:
        self._accounts = accounts
        self._redis = redis
        self._known: dict[str, tuple[Waiting, float]] = {}

    async def of(self, pool: str) -> Waiting:
        """Why the pool's next job does not run yet, at most a moment old."""
        known, until = self._known.get(pool, (Waiting(WaitingFor.SLOT), 0.0))
        if time.monotonic() < until:
            return known
        good_for = REMEMBERED_SECONDS
        found = _of_accounts(await run_in_threadpool(self._accounts.of_pool, pool))
        if found is None:
            found = Waiting(WaitingFor.SLOT)
            try:
                told = await self._redis.get(waiting_key(pool))
            except (RedisError, OSError):
                good_for = _WITHOUT_REDIS_SECONDS
            else:
                with contextlib.suppress(ValueError):
                    found = Waiting(WaitingFor(str(told)))
        self._known[pool] = (found, time.monotonic() + good_for)
        return found


def _of_accounts(accounts: list[Account]) -> Waiting | None:
    """The reason when every account of the pool pauses; None when one may call."""
    now = datetime.now(UTC)
    reasons = []
    for account in accounts:
        pause = account.pause(now)
        if pause is None:
            return None
        reasons.append(Waiting(_OF_PAUSE[pause.reason], WORDS[pause.reason]))
    return reasons[0] if reasons else None
