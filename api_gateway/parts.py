"""What the routes work with, made once for the process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import anyio
from fastapi import FastAPI, Request
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api_gateway.auth import Keys
from api_gateway.hints import Hints
from api_gateway.settings import Settings
from api_gateway.tickets import Tickets
from api_gateway.waiting import WaitingReasons
from db.accounts import AccountStore
from db.artifacts import ArtifactStore
from db.engine import Database
from db.idempotency import IdempotencyStore
from db.inputs import InputStore
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.tenants import TenantStore

T = TypeVar("T")

SQL_THREADS = 20
"""Threads for SQL. Each has a connection: one that waits for a connection helps nobody."""
IMAGE_THREADS = 4
"""Threads that take in images: slow work, which must not hold what short queries need."""
_REDIS_SECONDS = 0.5
"""Redis only speeds answers up here, so an answer does not wait longer for it."""


@dataclass(frozen=True)
class Parts:
    """The stores and the ways to the other processes. `pool` is where new jobs go."""

    pool: str
    database: Database
    jobs: JobStore
    changes: JobChanges
    inputs: InputStore
    accounts: AccountStore
    artifacts: ArtifactStore
    redis: Redis
    keys: Keys
    hints: Hints
    tickets: Tickets
    waiting: WaitingReasons
    image_threads: anyio.CapacityLimiter
    keys_used: IdempotencyStore
    keys_in_flight: set[tuple[UUID, str]]
    """Tenants' Idempotency-Keys whose requests are under way; touched in the event loop alone."""

    async def with_images(self, work: Callable[[], T]) -> T:
        """Run slow work on images in one of the few threads that are for it."""
        return await anyio.to_thread.run_sync(work, limiter=self.image_threads)


def make_parts(settings: Settings) -> Parts:
    """Connects to nothing yet. Raises `InvalidSetting` for a database URL that cannot be used."""
    database = Database(settings.database_url, pool_size=SQL_THREADS + IMAGE_THREADS, overflow=0)
    redis = Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        socket_keepalive=True,
        # Who asks decides what to do without an answer; repeating inside would only take longer.
        retry=Retry(NoBackoff(), 0),
    )
    accounts = AccountStore(database)
    return Parts(
        pool=settings.pool,
        database=database,
        jobs=JobStore(database),
        changes=JobChanges(database),
        inputs=InputStore(database),
        accounts=accounts,
        artifacts=ArtifactStore(settings.artifacts),
        redis=redis,
        keys=Keys(TenantStore(database)),
        hints=Hints(redis),
        tickets=Tickets(settings.redis_url),
        waiting=WaitingReasons(accounts, redis),
        image_threads=anyio.CapacityLimiter(IMAGE_THREADS),
        keys_used=IdempotencyStore(database),
        keys_in_flight=set(),
    )


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """The lifespan: starts what runs beside the requests, and ends it after the last of them."""
    parts = parts_of_app(app)
    anyio.to_thread.current_default_thread_limiter().total_tokens = SQL_THREADS
    parts.tickets.start()
    async with anyio.create_task_group() as group:
        group.start_soon(parts.hints.run)
        yield
        group.cancel_scope.cancel()
    await anyio.to_thread.run_sync(parts.tickets.stop)
    await parts.redis.aclose()
    parts.database.close()


def parts_of_app(app: FastAPI) -> Parts:
    found: Parts = app.state.parts
    return found


def parts_of(request: Request) -> Parts:
    """The parts, from within a request."""
    found: Parts = request.app.state.parts
    return found
