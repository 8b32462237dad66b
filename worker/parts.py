"""The composition root of a worker process: settings in, parts out."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from uuid import UUID, uuid4

import structlog
from redis import Redis

from db.account_limits import AccountLimits
from db.accounts import AccountStore
from db.artifact_identity import confirm_store
from db.artifact_place import open_artifacts
from db.artifacts import ArtifactStore
from db.audits import AuditStore
from db.covering import Covering
from db.doubts import DoubtStore
from db.engine import Database
from db.held_jobs import HeldJobs
from db.idempotency import IdempotencyStore
from db.inputs import InputStore
from db.job_removals import JobRemovals
from db.jobs import JobStore
from db.keeping import Keeping
from db.removals import Removals
from db.requests import RequestStore
from db.rows import Terms
from db.runs import RunStore
from jobs.account_pauses import Pause, ResetBounds
from jobs.doubts import DoubtTiming
from jobs.errors import Unavailable
from jobs.timing import CallTiming
from worker import settings as worker_settings
from worker.accepting import Acceptances
from worker.account_watch import AccountWatch
from worker.connecting import ASKERS, watch_accounts
from worker.hints import Hints
from worker.limiter import Limiter
from worker.receipts import Receipts
from worker.settler import Settler
from worker.stopping import stopping
from worker.turnstile import Turnstile
from worker.upstream_accounts import UpstreamAccount, UpstreamAccounts

log = structlog.get_logger()

uniform = random.SystemRandom().uniform

PAUSE_STEP = 2.0
"""Seconds that the limiter pauses for a pause without an end; the claim renews it. Short, because a
slot that saw the pause may tell the limiter of it after the pause has ended."""

_AT_LEAST = 0.1
START_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Parts:
    """What tasks work with; one set a process."""

    pool: str
    upstream: UpstreamAccounts
    watch: AccountWatch
    """Keeps `upstream` in step with the database."""
    database: Database
    timing: CallTiming
    resets: ResetBounds
    jobs: JobStore
    runs: RunStore
    accounts: AccountStore
    limits: AccountLimits
    held: HeldJobs
    covering: Covering
    idempotency: IdempotencyStore
    inputs: InputStore
    artifacts: ArtifactStore
    turnstile: Turnstile
    terms: Terms
    """What claims are made under."""
    settler: Settler
    receipts: Receipts
    hints: Hints
    ticket_seconds: float
    redis: Redis
    requests: RequestStore
    acceptances: Acceptances
    doubts: DoubtStore
    audits: AuditStore
    keeping: Keeping
    job_removals: JobRemovals
    removals: Removals
    doubt_timing: DoubtTiming
    stalls_after: float
    askers: ThreadPoolExecutor
    """For what upkeep asks Segmind, several at once."""
    holder: UUID
    """This process, as the attempts in its hands name it."""


def parts_when_possible() -> Parts:
    """`parts`, once SQL and the store of images answer: without them there is nothing to do here.

    Raises `InvalidSetting` for a store that is not the database's.
    """
    while True:
        try:
            return parts()
        except Unavailable as error:
            log.warning("waits_to_start", reason=str(error))
            time.sleep(START_AGAIN_SECONDS)


@cache
def parts() -> Parts:
    """Built on first use, in the process that uses them."""
    return build(worker_settings.read())


def build(settings: worker_settings.Settings, *, as_guest: bool = False) -> Parts:
    """Connect everything. Raises what the first part that does not answer raises.

    `as_guest`: beside a system that runs, whose account keeps the limits that it has.
    """
    # Slots wait upstream, not in SQL: a few connections serve hundreds of slots.
    database = Database(settings.database_url, pool_size=10, overflow=20)
    artifacts = open_artifacts(settings.artifacts)
    confirm_store(database, artifacts)
    accounts = AccountStore(database)
    redis: Redis = Redis.from_url(
        settings.redis_url, socket_timeout=5, socket_connect_timeout=5, health_check_interval=30
    )
    holder = uuid4()
    watch = watch_accounts(settings, database, redis, holder, as_guest=as_guest)
    runs, requests, hints = RunStore(database), RequestStore(database), Hints(redis)
    jobs = JobStore(database)
    timing, floor = settings.timing, settings.credits_floor
    terms = Terms(timing.lease, timing.bound, holder, settings.transport, floor)
    return Parts(
        pool=settings.pool,
        upstream=watch.upstream,
        watch=watch,
        database=database,
        timing=settings.timing,
        resets=settings.resets,
        jobs=jobs,
        runs=runs,
        accounts=accounts,
        limits=AccountLimits(database),
        held=HeldJobs(database),
        covering=Covering(database),
        idempotency=IdempotencyStore(database),
        inputs=InputStore(database),
        artifacts=artifacts,
        turnstile=Turnstile(
            watch.upstream.at_work,
            claim=lambda one, count: runs.claim(settings.pool, one.id, terms=terms, count=count),
            held=lambda one, held: pause_limiter(one.limiter, held.pause),
            remember=lambda one: remember(accounts, one),
            jobs_wait=lambda: jobs.waiting(settings.pool, 1) > 0,
            stopping=stopping,
        ),
        terms=terms,
        settler=Settler(runs, hints),
        receipts=Receipts(artifacts),
        hints=hints,
        ticket_seconds=settings.ticket_seconds,
        redis=redis,
        requests=requests,
        acceptances=Acceptances(requests, artifacts),
        doubts=DoubtStore(database),
        audits=AuditStore(database),
        keeping=Keeping(database, settings.keeps),
        job_removals=JobRemovals(database),
        removals=Removals(database),
        doubt_timing=settings.doubts,
        stalls_after=settings.stalls_after,
        askers=ThreadPoolExecutor(ASKERS, "asker"),
        holder=holder,
    )


def remember(accounts: AccountStore, upstream: UpstreamAccount) -> None:
    """Give a limiter that lost its memory what SQL knows: recent calls and a pause."""
    known = accounts.get(upstream.id)
    upstream.limiter.remember(known)
    calls = accounts.recent_calls(upstream.id, upstream.limiter.memory)
    upstream.limiter.rebuild(calls, known.limited_for(accounts.time()))


def warm_up(found: Parts, upstream: UpstreamAccount) -> None:
    """Let a limiter without memory start to remember, before the first job pays for it in time."""
    try:
        # A key that had another name has a window that has begun, and permits in others' hands.
        is_new = found.accounts.of_the_same_key(upstream.id) == [upstream.id]
        if found.accounts.open_first(upstream.id) and is_new:
            upstream.limiter.rebuild([], 0.0, first=True)
        answer = upstream.limiter.look()
        if answer.rebuild:
            stopping.wait(answer.wait)
            remember(found.accounts, upstream)
    except Unavailable:
        return  # the first permit will see to it


def pause_limiter(limiter: Limiter, pause: Pause) -> None:
    """Let the limiter grant nothing for as long as the pause is known to hold."""
    seconds = PAUSE_STEP
    if pause.lasts is not None:
        # A little at least: it was told before the claim's trip to SQL ended.
        seconds = max(_AT_LEAST, pause.lasts.total_seconds())
    try:
        limiter.pause(seconds)
    except Unavailable:
        log.warning("limiter_unavailable", pause=str(pause.reason))  # the claim looks at SQL too
