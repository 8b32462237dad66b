"""The composition root of a worker process: settings in, parts out."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from redis import Redis

from db.accounts import AccountStore
from db.artifacts import ArtifactStore
from db.engine import Database
from db.held_jobs import HeldJobs
from db.idempotency import IdempotencyStore
from db.inputs import InputStore
from db.jobs import JobStore
from db.rows import Account
from db.runs import RunStore
from jobs.account_pauses import ResetBounds
from jobs.errors import Unavailable
from jobs.timing import CallTiming
from upstream import Endpoints, Segmind
from worker import settings as worker_settings
from worker.hints import Hints
from worker.limiter import Limiter
from worker.stopping import stopping
from worker.turnstile import Turnstile

uniform = random.SystemRandom().uniform


@dataclass(frozen=True)
class Parts:
    """What tasks work with; one set a process."""

    pool: str
    account: Account
    database: Database
    timing: CallTiming
    resets: ResetBounds
    jobs: JobStore
    runs: RunStore
    accounts: AccountStore
    held: HeldJobs
    idempotency: IdempotencyStore
    inputs: InputStore
    artifacts: ArtifactStore
    segmind: Segmind
    limiter: Limiter
    turnstile: Turnstile
    hints: Hints
    redis: Redis


@cache
def parts() -> Parts:
    """Built on first use, in the process that uses them."""
    return build(worker_settings.read())


def build(settings: worker_settings.Settings) -> Parts:
    """Connect everything. Raises what the first part that does not answer raises."""
    # Slots wait upstream, not in SQL: a few connections serve hundreds of slots.
    database = Database(settings.database_url, pool_size=10, overflow=20)
    accounts = AccountStore(database)
    account = accounts.ensure(
        settings.pool, "default", call_limit=settings.calls_per_minute, window_seconds=60
    )
    redis: Redis = Redis.from_url(
        settings.redis_url, socket_timeout=5, socket_connect_timeout=5, health_check_interval=30
    )
    limiter = Limiter(redis, account)
    runs = RunStore(database)
    segmind = Segmind(
        settings.segmind_key,
        Endpoints.from_base_url(settings.segmind_base_url),
        connections=settings.slots,
        deadline=settings.timing.deadline,
        proxy=settings.segmind_proxy,
    )
    return Parts(
        pool=settings.pool,
        account=account,
        database=database,
        timing=settings.timing,
        resets=settings.resets,
        jobs=JobStore(database),
        runs=runs,
        accounts=accounts,
        held=HeldJobs(database),
        idempotency=IdempotencyStore(database),
        inputs=InputStore(database),
        artifacts=ArtifactStore(settings.artifacts),
        segmind=segmind,
        limiter=limiter,
        turnstile=Turnstile(
            limiter,
            next_price=lambda: runs.next_price(settings.pool, account.id),
            remember=lambda: remember(limiter, accounts, account),
            stopping=stopping,
        ),
        hints=Hints(redis),
        redis=redis,
    )


def remember(limiter: Limiter, accounts: AccountStore, account: Account) -> None:
    """Give a limiter that lost its memory what SQL knows: recent calls and a pause."""
    calls = accounts.recent_calls(account.id, limiter.memory)
    limiter.rebuild(calls, accounts.get(account.id).limited_for(datetime.now(UTC)))


def warm_up(found: Parts) -> None:
    """Let a limiter without memory start to remember, before the first job pays for it in time."""
    try:
        if found.accounts.open_first(found.account.id):
            found.limiter.rebuild([], 0.0, first=True)
        answer = found.limiter.look()
        if answer.rebuild:
            stopping.wait(answer.wait)
            remember(found.limiter, found.accounts, found.account)
    except Unavailable:
        return  # the first permit will see to it
