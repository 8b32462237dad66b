"""Hints on Redis pub/sub: "this job's row has changed, read it". Losing one delays a reader 2 s."""

from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError

from jobs.states import State
from jobs.wire import job_channel


class Hints:
    """Tells readers who wait; never fails."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def moved(self, *jobs: tuple[UUID, State]) -> None:
        """Say what state each job is in now; readers ask SQL, not the hint."""
        if not jobs:
            return
        try:
            with self._redis.pipeline(transaction=False) as trip:
                for job_id, state in jobs:
                    trip.publish(job_channel(str(job_id)), state)
                trip.execute()
        except RedisError:
            return
