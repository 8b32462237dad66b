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
from api_gateway.forecasts import Forecasts
from api_gateway.hints import Hints
from api_gateway.keeping import KeptTimes
from api_gateway.open_waits import OpenWaits
from api_gateway.settings import Settings
from api_gateway.store_check import StoreCheck
from api_gateway.submits import Outcome, Submit, Submits
from api_gateway.tickets import Tickets
from api_gateway.together import Together
from api_gateway.waiting import WaitingReasons
from db.accounts import AccountStore
from db.api_keys import KeyStore
from db.artifact_place import open_artifacts
from db.artifacts import ArtifactStore
from db.budgets import BudgetStore
from db.engine import Database
from db.idempotency import IdempotencyStore
from db.inputs import InputStore
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.keeping import Keeping
from db.resolving import Resolving
from db.rows import Job

T = TypeVar("T")

SQL_THREADS = 20
"""Threads for SQL. Each has a connection: one that waits for a connection helps nobody."""
IMAGE_THREADS = 4
"""Threads that take in images: slow work, which must not hold what short queries need."""
DOWNLOAD_THREADS = 16
"""Threads that wait for pieces of images: a slow store must not hold what short queries need."""
LANES = 2
"""Groups of submits, and of reads, that are under way at once. Each has a thread and a connection."""
_REDIS_SECONDS = 0.5
"""Redis only speeds answers up here, so an answer does not wait longer for it."""


@dataclass(frozen=True)
class Parts:
    """The stores and the ways to the other processes. `pool` is where new jobs go."""

    pool: str
    database: Database
    jobs: JobStore
    changes: JobChanges
    resolving: Resolving
    inputs: InputStore
    accounts: AccountStore
    budgets: BudgetStore
    artifacts: ArtifactStore
    redis: Redis
    keys: Keys
    hints: Hints
    tickets: Tickets
    waiting: WaitingReasons
    forecasts: Forecasts
    kept_times: KeptTimes
    open_waits: OpenWaits
    image_threads: anyio.CapacityLimiter
    download_threads: anyio.CapacityLimiter
    keys_used: IdempotencyStore
    submits: Together[Submit, Outcome]
    reads: Together[tuple[UUID, UUID], Job | None]
    """Jobs by tenant and id; None where there is none."""
    store_check: StoreCheck
    keys_in_flight: set[tuple[UUID, str]]
    """Tenants' Idempotency-Keys whose requests are under way; touched in the event loop alone."""

    async def with_images(self, work: Callable[[], T]) -> T:
        """Run slow work on images in one of the few threads that are for it."""
        return await anyio.to_thread.run_sync(work, limiter=self.image_threads)


def make_parts(settings: Settings) -> Parts:
    """Asks SQL and the store whether they belong together, and connects to nothing else yet.

    Raises `InvalidSetting` when they do not, and for a place of either that cannot be used.
    """
    database = Database(
        settings.database_url,
        pool_size=SQL_THREADS + IMAGE_THREADS + 2 * LANES + 1,
        overflow=0,
    )
    redis = Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
        socket_keepalive=True,
        # Who asks decides what to do without an answer; repeating inside would only take longer.
        retry=Retry(NoBackoff(), 0),
    )
    artifacts = open_artifacts(settings.artifacts)
    accounts = AccountStore(database)
    budgets = BudgetStore(database)
    jobs = JobStore(database)
    tickets = Tickets(settings.redis_url)
    keys_used = IdempotencyStore(database)
    submits = Submits(database, jobs, keys_used, tickets)
    return Parts(
        pool=settings.pool,
        database=database,
        jobs=jobs,
        changes=JobChanges(database),
        resolving=Resolving(database, artifacts),
        inputs=InputStore(database),
        accounts=accounts,
        budgets=budgets,
        artifacts=artifacts,
        redis=redis,
        keys=Keys(KeyStore(database)),
        hints=Hints(redis),
        tickets=tickets,
        waiting=WaitingReasons(database, accounts, redis),
        forecasts=Forecasts(database, redis),
        kept_times=KeptTimes(Keeping(database, settings.keeps)),
        open_waits=OpenWaits(),
        image_threads=anyio.CapacityLimiter(IMAGE_THREADS),
        download_threads=anyio.CapacityLimiter(DOWNLOAD_THREADS),
        keys_used=keys_used,
        # SQLite has one writer: a second group would only wait for the first one's commit.
        submits=Together(submits.accept, lanes=1 if database.is_sqlite else LANES),
        reads=Together(jobs.get_many, lanes=LANES),
        store_check=StoreCheck(database, artifacts),
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
        group.start_soon(parts.store_check.run)
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
