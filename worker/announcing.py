"""A worker process tells how many slots it has, for whoever forecasts when jobs start.

In Redis, and told again with each beat: a process that died, and a Redis that was flushed, need
nobody to clean up after them.
"""

import os
import secrets

from redis import Redis

from jobs.wire import slots_key

GOOD_FOR = 30
"""Seconds: a few beats of the pulse."""


class Announcement:
    """One process's slots."""

    def __init__(self, redis: Redis, pool: str, slots: int) -> None:
        self._redis = redis
        self._key = slots_key(pool)
        self._words = f"{os.getpid()}-{secrets.token_hex(4)}:{slots}"

    def tell(self) -> None:
        """Good for half a minute, by Redis's own clock. Raises `RedisError`."""
        now = self._redis.time()[0]
        with self._redis.pipeline(transaction=False) as line:
            line.zadd(self._key, {self._words: now + GOOD_FOR})
            line.zremrangebyscore(self._key, "-inf", now)
            line.expire(self._key, 2 * GOOD_FOR)
            line.execute()

    def withdraw(self) -> None:
        """The process takes no more jobs. Raises `RedisError`."""
        self._redis.zrem(self._key, self._words)
