"""What a question to Redis may raise when there is no answer."""

from redis.exceptions import RedisError

REDIS_AWAY = (RedisError, OSError, RuntimeError)
"""RuntimeError: uvloop's, for a connection that was reset a moment ago ("the handler is closed"),
which redis-py lets through."""
