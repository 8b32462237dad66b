"""Puts tickets on a pool's queue: as many as wait in SQL, less those that are under way."""

from celery import Celery
from redis import Redis
from redis.exceptions import RedisError

from jobs.errors import Unavailable
from jobs.wire import GENERATE, TICKET_CAP, ticket_queue
from worker.limiter import Limiter


def top_up(app: Celery, redis: Redis, limiter: Limiter, *, pool: str, waiting: int) -> int:
    """Make good for tickets that were lost; returns how many were put. Raises `Unavailable`.

    Under way are those in the queue and those that slots hold while they wait for a permit.
    """
    queue = ticket_queue(pool)
    try:
        under_way = redis.llen(queue) + limiter.holds()
        missing = min(waiting, TICKET_CAP) - under_way
        if missing > 0:
            with app.producer_or_acquire() as producer:
                for _ in range(missing):
                    app.send_task(GENERATE, kwargs={"pool": pool}, producer=producer)
    except RedisError as error:
        raise Unavailable(f"Redis does not answer: {error}") from error
    return max(0, missing)
