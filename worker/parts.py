"""The composition root of a worker process: settings in, parts out."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import UUID, uuid4

import structlog
from redis import Redis

from db.accounts import AccountStore
from db.artifact_identity import confirm_store
from db.artifact_place import open_artifacts
from db.artifacts import ArtifactStore
from db.audits import AuditStore
from db.doubts import DoubtStore
from db.engine import Database
from db.held_jobs import HeldJobs
from db.idempotency import IdempotencyStore
from db.inputs import InputStore
from db.jobs import JobStore
from db.learned_limits import LearnedLimits
from db.requests import RequestStore
from db.rows import Account, Terms
from db.runs import RunStore
from jobs.account_pauses import Pause, ResetBounds
from jobs.doubts import DoubtTiming
from jobs.errors import Unavailable
from jobs.timing import CallTiming
from upstream import Endpoints, Segmind
from worker import settings as worker_settings
from worker.accepting import Acceptances
from worker.hints import Hints
from worker.limiter import Limiter
from worker.receipts import Receipts
from worker.settler import Settler
from worker.stopping import stopping
from worker.telling import Telling
from worker.turnstile import Turnstile

log = structlog.get_logger()

uniform = random.SystemRandom().uniform

PAUSE_STEP = 2.0
"""Seconds that the limiter pauses for a pause without an end; the claim renews it. Short, because a
slot that saw the pause may tell the limiter of it after the pause has ended."""

_AT_LEAST = 0.1
START_AGAIN_SECONDS = 1.0

ASKERS = 16
"""Questions to Segmind at once, of upkeep: each mostly waits."""


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
    settler: Settler
    learned: LearnedLimits
    telling: Telling
    receipts: Receipts
    hints: Hints
    ticket_seconds: float
    redis: Redis
    requests: RequestStore
    acceptances: Acceptances
    doubts: DoubtStore
    audits: AuditStore
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
    known = accounts.of_pool(settings.pool) if as_guest else []
    account = (
        known[0]
        if known
        else accounts.ensure(
            settings.pool,
            "default",
            call_limit=settings.calls_per_minute,
            window_seconds=settings.window_seconds,
            limit_auto=settings.limit_auto,
        )
    )
    redis: Redis = Redis.from_url(
        settings.redis_url, socket_timeout=5, socket_connect_timeout=5, health_check_interval=30
    )
    limiter = Limiter(
        redis,
        account,
        at_once=settings.at_once,
        deadline=settings.timing.deadline,
        breaker_opens=settings.breaker_seconds,
    )
    learned = LearnedLimits(database)
    runs, requests, hints = RunStore(database), RequestStore(database), Hints(redis)
    segmind = Segmind(
        settings.segmind_key,
        Endpoints.from_base_url(
            settings.segmind_base_url,
            history_url=settings.history_url,
            image_hosts=settings.image_hosts,
        ),
        connections=max(settings.slots, ASKERS),
        deadline=settings.timing.deadline,
        proxy=settings.segmind_proxy,
    )
    holder = uuid4()
    terms = Terms(settings.timing.lease, settings.timing.bound, holder, settings.transport)
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
        artifacts=artifacts,
        segmind=segmind,
        limiter=limiter,
        turnstile=Turnstile(
            limiter,
            claim=lambda count: runs.claim(settings.pool, account.id, terms=terms, count=count),
            held=lambda held: pause_limiter(limiter, held.pause),
            remember=lambda: remember(limiter, accounts, account),
            stopping=stopping,
        ),
        settler=Settler(runs, hints),
        learned=learned,
        telling=Telling(limiter, learned, account),
        receipts=Receipts(artifacts),
        hints=hints,
        ticket_seconds=settings.ticket_seconds,
        redis=redis,
        requests=requests,
        acceptances=Acceptances(requests, artifacts),
        doubts=DoubtStore(database),
        audits=AuditStore(database),
        doubt_timing=settings.doubts,
        stalls_after=settings.stalls_after,
        askers=ThreadPoolExecutor(ASKERS, "asker"),
        holder=holder,
    )


def remember(limiter: Limiter, accounts: AccountStore, account: Account) -> None:
    """Give a limiter that lost its memory what SQL knows: recent calls and a pause."""
    known = accounts.get(account.id)
    limiter.remember(known)
    calls = accounts.recent_calls(account.id, limiter.memory)
    limiter.rebuild(calls, known.limited_for(datetime.now(UTC)))


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


def pause_limiter(limiter: Limiter, pause: Pause) -> None:
    """Let the limiter grant nothing for as long as the pause is known to hold."""
    seconds = PAUSE_STEP
    if pause.until is not None:
        # A little at least: where SQL's clock is behind ours it may hold for longer.
        seconds = max(_AT_LEAST, (pause.until - datetime.now(UTC)).total_seconds())
    try:
        limiter.pause(seconds)
    except Unavailable:
        log.warning("limiter_unavailable", pause=str(pause.reason))  # the claim looks at SQL too
