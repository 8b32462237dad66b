"""Puts tickets on a pool's queue: as many as wait in SQL, less those that are under way."""

from celery import Celery
from redis import Redis
from redis.exceptions import RedisError

from jobs.errors import Unavailable
from jobs.wire import GENERATE, TICKET_CAP, ticket_queue
from worker.limiter import Limiter

_TWO_TURNS_MS = 3_000


def top_up(
    app: Celery, redis: Redis, limiter: Limiter, *, pool: str, waiting: int, back: int = 0
) -> int:
    """Make good for tickets that were lost; returns how many were put. Raises `Unavailable`.

    `back`: how many of those that wait have just come back and cannot have a ticket on its way.

    Under way are those in the queue and those that slots hold while they wait for a permit. A job
    that was just submitted has a ticket on its way which is neither yet, so only what is missing
    in two turns running is put.
    """
    queue = ticket_queue(pool)
    try:
        under_way = redis.llen(queue) + limiter.holds()
        lacking = max(0, min(waiting, TICKET_CAP) - under_way)
        before = redis.set(f"segq:lacking:{pool}", lacking, px=_TWO_TURNS_MS, get=True)
        missing = min(lacking, max(back, int(before or 0)))
        if missing > 0:
            with app.producer_or_acquire() as producer:
                for _ in range(missing):
                    app.send_task(GENERATE, kwargs={"pool": pool}, producer=producer)
    except RedisError as error:
        raise Unavailable(f"Redis does not answer: {error}") from error
    return missing
