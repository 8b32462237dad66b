"""What queued jobs wait for.

It is the same for all of a pool and model, and for all of a tenant and group, so it is asked once
for many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis
from starlette.concurrency import run_in_threadpool

from api_gateway.pause_words import note
from api_gateway.redis_away import REDIS_AWAY
from api_gateway.remembered import Remembered
from db.account_values import Account, ModelPause
from db.accounts import AccountStore
from db.engine import Database
from db.rows import Job, NewJob
from db.tenant_waits import TenantWaits, tenant_waits
from jobs.account_pauses import PauseReason
from jobs.budgets import UNCOVERED
from jobs.states import State, WaitingFor
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
    PauseReason.KEY_UNUSABLE: WaitingFor.PAUSED,
}


_NOTES = {
    WaitingFor.CIRCUIT_BREAKER: "the circuit breaker is open: half of the last 20 calls failed by "
    "Segmind's doing, so none is tried for a while (30 s by default, up to 10 min); then one goes "
    "first, and the others follow when it succeeds",
}
"""What there is to say where no account's row says it."""


@dataclass(frozen=True)
class Waiting:
    """What a job waits for, and in words why, where there is more to say.

    `until`: when that ends, where it is known from the start.
    """

    reason: WaitingFor
    note: str | None = None
    until: datetime | None = None


_NEXT_CALL = Waiting(
    WaitingFor.BUDGET,
    "An earlier call of the job was paid or may have been, and the total budget does not cover "
    "another one: it runs when the budget does, and can be canceled.",
)


def waiting_of(job: Job, waiting: Waiting) -> Waiting | None:
    """What the job itself waits for, where jobs of its model and tenant wait so; None: it does not."""
    if job.state is not State.QUEUED:
        return None
    return _NEXT_CALL if job.held_for == UNCOVERED else waiting


@dataclass(frozen=True)
class _OfPool:
    """Why a pool's jobs wait; other reasons for the models that pause. `paused`: every account.

    `at_work`: the accounts that do not pause.
    """

    paused: Waiting | None
    models: Mapping[str, Waiting]
    at_work: Sequence[UUID]
    working: Waiting = Waiting(WaitingFor.SLOT)

    def of(self, model: str) -> Waiting:
        return self.models.get(model) or self.paused or self.working

    def stops(self, model: str) -> bool:
        """Whether a pause upstream keeps all calls of the model from leaving."""
        return self.paused is not None or model in self.models


class WaitingReasons:
    """Asks the tenant's rows and the accounts', then what the workers say in Redis."""

    def __init__(self, database: Database, accounts: AccountStore, redis: Redis) -> None:
        self._database = database
        self._accounts = accounts
        self._redis = redis
        self._pools = Remembered(self._look)
        self._tenants = Remembered(self._look_at_tenant)

    async def of(self, job: Job | NewJob) -> Waiting:
        """Why the job does not run yet, or would not if it were queued; at most a moment old.

        What stops the tenant or its group by hand is told first, and then its budget: they outlast
        a rate limit.
        """
        tenant = (await self._tenants.of(job.tenant_id)).of(job.group)
        if tenant is not None and tenant.reason is not WaitingFor.SLOT:
            return Waiting(tenant.reason, tenant.note, tenant.until)
        found = await self._pools.of(job.pool)
        upstream = found.of(job.model)
        if tenant is None or found.stops(job.model):
            return upstream
        return Waiting(tenant.reason, tenant.note)

    async def _look_at_tenant(self, tenant_id: UUID) -> tuple[TenantWaits, float]:
        found = await run_in_threadpool(tenant_waits, self._database, tenant_id)
        return found, REMEMBERED_SECONDS

    async def _look(self, pool: str) -> tuple[_OfPool, float]:
        good_for = REMEMBERED_SECONDS
        found = await run_in_threadpool(self._of_accounts, pool)
        if found.at_work:
            try:
                told = await self._redis.mget([waiting_key(one) for one in found.at_work])
            except REDIS_AWAY:
                good_for = _WITHOUT_REDIS_SECONDS
            else:
                found = replace(found, working=_of_workers(told))
        return found, good_for

    def _of_accounts(self, pool: str) -> _OfPool:
        accounts = self._accounts.of_pool(pool)
        return _of_pauses(accounts, [self._accounts.model_pauses(one.id) for one in accounts])


def _of_workers(told: Sequence[object]) -> Waiting:
    """What all accounts at work wait for, as their limiters say; a slot where one waits for nothing.

    The circuit breaker only where all of theirs are open: the others' calls go on.
    """
    reasons = [WaitingFor(str(one)) for one in told if str(one) in list(WaitingFor)]
    if not reasons or len(reasons) < len(told):
        return Waiting(WaitingFor.SLOT)
    reason = next((one for one in reasons if one is not WaitingFor.CIRCUIT_BREAKER), reasons[0])
    return Waiting(reason, _NOTES.get(reason))


def _of_pauses(accounts: list[Account], pauses_of_models: list[list[ModelPause]]) -> _OfPool:
    """A model waits where every account pauses, be it as a whole or for the model alone."""
    now = datetime.now(UTC)
    whole = [account.why_idle(now) for account in accounts]
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
    idle = zip(accounts, whole, strict=True)
    return _OfPool(everywhere, models, [one.id for one, pause in idle if pause is None])
