"""When queued jobs start, and those that are not submitted yet would.

What is looked at is the same for all jobs of a pool, of a tenant, or of a group: it is looked at
once a second at the most, however many ask.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis
from starlette.concurrency import run_in_threadpool

from api_gateway.outlook import STOPS, PoolView
from api_gateway.redis_away import REDIS_AWAY
from api_gateway.remembered import Remembered
from api_gateway.waiting import Waiting
from db.account_pace import account_paces
from db.engine import Database
from db.queue_sizes import Place, QueueSizes
from db.rows import Job
from jobs.forecast import Before, Counted, Member, TenantQueue, before_in_pool
from jobs.money import ZERO
from jobs.wire import slots_key

REMEMBERED_SECONDS = 1.0
"""A position may be so much behind."""
_WITHOUT_REDIS_SECONDS = 2.0
"""A Redis that hangs must not hold up every answer."""
MOST_PLACES = 100
"""Places whose ids are remembered: 160 kB each at the most."""


@dataclass(frozen=True)
class Forecast:
    """`position` 1: its call is the next; None: not known. `starts_at`: likewise; `note`: why not,
    or how sure it is, where there is something to say.
    """

    position: int | None
    starts_at: datetime | None
    note: str | None


@dataclass(frozen=True)
class TenantView:
    """A tenant among those of the pool."""

    pool: PoolView
    queue: TenantQueue
    mine: Member

    def before(self, own: Before) -> Before:
        """All that goes before a job, `own` of this tenant."""
        others = [one for name, one in self.pool.tenants.items() if name != self.mine.name]
        return before_in_pool(self.mine, own, others)


class Forecasts:
    """Asks SQL, and Redis for what the workers say."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database = database
        self._redis = redis
        self._sizes = QueueSizes(database)
        self._pools = Remembered(self._look_at_pool)
        self._queues = Remembered(self._look_at_queue)
        self._places = Remembered(self._look_at_place, most=MOST_PLACES)
        self._weights = Remembered(self._look_at_weight)

    async def of(self, job: Job, waiting: Waiting) -> Forecast:
        """Of a queued job; `waiting`: what it waits for."""
        rank = job.priority.rank
        view = await self.view(job.pool, job.tenant_id)
        place = await self._places.of((job.pool, job.tenant_id, rank, job.group))
        index = place.older_than(job.id)
        all_counted = place.whole or index < place.count
        before = view.before(view.queue.before(rank, job.group, index, all_counted=all_counted))
        outlook = view.pool.outlook(before, job.estimate, job.model, waiting)
        # A job whose model pauses, or whose next call no budget covers, is not in the order.
        held = waiting.reason in STOPS and job.id not in place
        known = before.counted is Counted.ALL and not held
        return Forecast(before.calls + 1 if known else None, outlook.starts_at, outlook.note)

    async def view(self, pool: str, tenant_id: UUID) -> TenantView:
        """The tenant and its pool, at most a moment ago."""
        seen, queue = await asyncio.gather(self._pools.of(pool), self._queues.of((pool, tenant_id)))
        mine = seen.tenants.get(tenant_id.hex)
        if mine is None:
            weight = await self._weights.of(tenant_id)
            mine = Member(tenant_id.hex, ZERO, 0, weight=weight)
        return TenantView(seen, queue, mine)

    async def _look_at_pool(self, pool: str) -> tuple[PoolView, float]:
        slots = await self._slots(pool)
        good_for = REMEMBERED_SECONDS if slots is not None else _WITHOUT_REDIS_SECONDS
        return await run_in_threadpool(self._view_of, pool, slots), good_for

    def _view_of(self, pool: str, slots: int | None) -> PoolView:
        now = datetime.now(UTC)
        sizes = self._sizes.of_pool(pool)
        paces = account_paces(self._database, pool, now)
        return PoolView(now, paces, sizes.tenants, sizes.models, slots)

    async def _slots(self, pool: str) -> int | None:
        """How many slots the workers say that they have; None where Redis does not answer."""
        try:
            async with self._redis.pipeline(transaction=False) as line:
                line.time()
                line.zrange(slots_key(pool), 0, -1, withscores=True)
                (now, _), told = await line.execute()
        except REDIS_AWAY:
            return None
        return sum(int(words.rpartition(":")[2]) for words, good_until in told if good_until > now)

    async def _look_at_queue(self, of: tuple[str, UUID]) -> tuple[TenantQueue, float]:
        return await run_in_threadpool(self._sizes.of_tenant, *of), REMEMBERED_SECONDS

    async def _look_at_place(self, of: tuple[str, UUID, int, str]) -> tuple[Place, float]:
        return await run_in_threadpool(self._sizes.place, *of), REMEMBERED_SECONDS

    async def _look_at_weight(self, tenant_id: UUID) -> tuple[int, float]:
        return await run_in_threadpool(self._sizes.weight, tenant_id), REMEMBERED_SECONDS
