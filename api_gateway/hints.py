"""Hints that a job's row has changed, heard over one Redis connection for the whole process.

A hint is worth a look at the row and nothing more: readers look every other second without one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from api_gateway.redis_away import REDIS_AWAY
from jobs.wire import job_channel

log = structlog.get_logger()

_FIRST_BACKOFF = 0.1
_LONGEST_BACKOFF = 5.0
_SUBSCRIBE_SECONDS = 0.25
_IDLE_CHANNEL = "segq:gateway:idle"
"""Always subscribed, so that the connection is one of pub/sub when nobody waits."""


@dataclass
class _Channel:
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: set[asyncio.Event] = field(default_factory=set)


class Hints:
    """Many listeners over one subscription connection. `closed` ends every wait."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._channels: dict[str, _Channel] = {}
        self._line: PubSub | None = None
        self.closed = False

    @asynccontextmanager
    async def listen(self, job_id: object) -> AsyncIterator[asyncio.Event]:
        """Gives an event that each hint on the job sets. Look at the row after entering."""
        name = job_channel(str(job_id))
        heard = asyncio.Event()
        channel = self._channels.setdefault(name, _Channel())
        channel.listeners.add(heard)
        try:
            if len(channel.listeners) == 1:
                await self._tell("subscribe", name)
            if self._line is not None:
                # Until Redis has confirmed, a hint could still pass by.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(channel.confirmed.wait(), _SUBSCRIBE_SECONDS)
            yield heard
        finally:
            channel.listeners.discard(heard)
            if not channel.listeners and self._channels.get(name) is channel:
                del self._channels[name]
                await self._tell("unsubscribe", name)

    async def publish(self, job_id: object) -> None:
        """Tell every listener, in every process, to look; nothing happens without Redis."""
        with contextlib.suppress(*REDIS_AWAY):
            await self._redis.publish(job_channel(str(job_id)), "changed")

    def close(self) -> None:
        """Wake every listener for good: the process ends."""
        self.closed = True
        for channel in self._channels.values():
            for heard in channel.listeners:
                heard.set()

    async def run(self) -> None:
        """Hold the connection, made anew with backoff whenever it breaks, until canceled."""
        backoff = _FIRST_BACKOFF
        while True:
            try:
                async with self._redis.pubsub() as line:
                    await line.subscribe(_IDLE_CHANNEL)
                    self._line = line
                    if self._channels:
                        await line.subscribe(*self._channels)
                    async for message in line.listen():
                        backoff = _FIRST_BACKOFF
                        self._hear(message)
            except REDIS_AWAY as error:
                if backoff == _FIRST_BACKOFF:
                    log.warning("hints_unavailable", error=type(error).__name__)
            finally:
                self._line = None
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _hear(self, message: dict[str, Any]) -> None:
        channel = self._channels.get(message["channel"])
        if channel is None:
            return
        if message["type"] == "subscribe":
            channel.confirmed.set()
        # A subscription made anew wakes too: what was said in between is lost.
        if message["type"] in {"subscribe", "message"}:
            for heard in channel.listeners:
                heard.set()

    async def _tell(self, verb: str, name: str) -> None:
        line = self._line
        if line is None:
            return
        # When it fails `run` sees it too, and subscribes to all channels on the next connection.
        with contextlib.suppress(*REDIS_AWAY):
            await (line.subscribe(name) if verb == "subscribe" else line.unsubscribe(name))
