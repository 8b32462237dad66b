"""What queued jobs wait for. It is the same for all of a pool and model, so it is asked once for many."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from redis.asyncio import Redis
from starlette.concurrency import run_in_threadpool

from api_gateway.pause_words import note
from api_gateway.redis_away import REDIS_AWAY
from db.accounts import AccountStore
from db.rows import Account, ModelPause
from jobs.account_pauses import PauseReason
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
    PauseReason.OPERATOR: WaitingFor.PAUSED,
}


_NOTES = {
    WaitingFor.CIRCUIT_BREAKER: "the circuit breaker is open: half of the last 20 calls failed by "
    "Segmind's doing, so none is tried for a while (30 s by default, up to 10 min); then one goes "
    "first, and the others follow when it succeeds",
}
"""What there is to say where no account's row says it."""


@dataclass(frozen=True)
class Waiting:
    """What a job waits for, and in words why, where there is more to say."""

    reason: WaitingFor
    note: str | None = None


@dataclass(frozen=True)
class _OfPool:
    """Why a pool's jobs wait; other reasons for the models that pause. `paused`: every account."""

    paused: Waiting | None
    models: Mapping[str, Waiting]
    working: Waiting = Waiting(WaitingFor.SLOT)

    def of(self, model: str) -> Waiting:
        return self.models.get(model) or self.paused or self.working


class WaitingReasons:
    """Asks the accounts' rows, then what the workers say in Redis."""

    def __init__(self, accounts: AccountStore, redis: Redis) -> None:
        self._accounts = accounts
        self._redis = redis
        self._looking: dict[str, asyncio.Future[_OfPool]] = {}
        self._known: dict[str, tuple[_OfPool, float]] = {}

    async def of(self, pool: str, model: str) -> Waiting:
        """Why the pool's next job of the model does not run yet, at most a moment old."""
        known, until = self._known.get(pool, (None, 0.0))
        if known is not None and time.monotonic() < until:
            return known.of(model)
        look = self._looking.get(pool)
        if look is None:
            look = self._looking[pool] = asyncio.ensure_future(self._look(pool))
            look.add_done_callback(lambda _: self._looking.pop(pool, None))
        # Many ask at once when it is no longer remembered; one that goes away takes it from nobody.
        return (await asyncio.shield(look)).of(model)

    async def _look(self, pool: str) -> _OfPool:
        good_for = REMEMBERED_SECONDS
        found = await run_in_threadpool(self._of_accounts, pool)
        if found.paused is None:
            try:
                told = await self._redis.get(waiting_key(pool))
            except REDIS_AWAY:
                good_for = _WITHOUT_REDIS_SECONDS
            else:
                with contextlib.suppress(ValueError):
                    reason = WaitingFor(str(told))
                    found = replace(found, working=Waiting(reason, _NOTES.get(reason)))
        self._known[pool] = (found, time.monotonic() + good_for)
        return found

    def _of_accounts(self, pool: str) -> _OfPool:
        accounts = self._accounts.of_pool(pool)
        return _of_pauses(accounts, [self._accounts.model_pauses(one.id) for one in accounts])


def _of_pauses(accounts: list[Account], pauses_of_models: list[list[ModelPause]]) -> _OfPool:
    """A model waits where every account pauses, be it as a whole or for the model alone."""
    now = datetime.now(UTC)
    whole = [account.pause(now) for account in accounts]
    first = whole[0] if whole and all(whole) else None
    everywhere = Waiting(_OF_PAUSE[first.reason], note(first.reason, first.said)) if first else None
    models: dict[str, Waiting] = {}
    for one in (pause for of_account in pauses_of_models for pause in of_account):
        blocked = [
            one.model in {pause.model for pause in of_account}
            # When all pause as a whole, those that do not pause for the model decide.
            or (pause is not None and everywhere is None)
            for of_account, pause in zip(pauses_of_models, whole, strict=True)
        ]
        if all(blocked):
            words = note(one.reason, one.message, one.model)
            models.setdefault(one.model, Waiting(_OF_PAUSE[one.reason], words))
    return _OfPool(everywhere, models)
