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

    def moved(self, job_id: UUID, state: State) -> None:
        """Say that the job is in this state now; readers ask SQL, not the hint."""
        try:
            self._redis.publish(job_channel(str(job_id)), state)
        except RedisError:
            return
