"""Who calls in a cell, as its users run it: segq, Celery's own means, a script with a bucket."""

import math
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import queued_jobs
from benchmarks.baselines import celery_worker
from benchmarks.fleet import Fleet
from benchmarks.queued_jobs import MODEL
from benchmarks.rates.cells import (
    AUTO,
    BACKOFF,
    BUCKET_HIGH,
    BUCKET_LOW,
    KNOWN,
    RATE_LIMIT,
    Cell,
    calls_in,
)
from benchmarks.servers.group import Group
from benchmarks.servers.processes import Process, plain_environment
from benchmarks.servers.sandbox import Sandbox
from db.engine import Database

_GUESSES = {BUCKET_HIGH: 1.1, BUCKET_LOW: 0.8}
_PAUSE = 15
"""Seconds of a minute that the cookbook's script rests after a 429."""


@dataclass(frozen=True)
class Ground:
    """What a cell has of its own: a folder, a database, a Redis, a provider. `window` in seconds."""

    folder: Path
    database_url: str
    redis_url: str
    sandbox: Sandbox
    window: float


@dataclass(frozen=True)
class Caller:
    """Processes that run, without work until `begin`."""

    processes: Sequence[Process]
    begin: Callable[[], None]


def start(ground: Ground, cell: Cell, jobs: int, ends: ExitStack) -> Caller:
    """The cell's caller, with so many jobs to do once it begins; it is gone when `ends` ends."""
    if cell.subject in (KNOWN, AUTO):
        return _segq(ground, cell, jobs, ends)
    if cell.subject in (BACKOFF, RATE_LIMIT):
        return _celery(ground, cell, jobs, ends)
    return _bucket(ground, cell, ends)


def _segq(ground: Ground, cell: Cell, jobs: int, ends: ExitStack) -> Caller:
    settings = _limit(cell, ground.window)
    database = Database(ground.database_url)
    ends.callback(database.close)
    fleet = ends.enter_context(
        Fleet(ground.folder, ground.database_url, ground.redis_url, ground.sandbox.url, settings)
    )
    fleet.workers(cell.workers, math.ceil(cell.slots / cell.workers))
    fleet.upkeep()
    return Caller(fleet.processes, lambda: queued_jobs.add(database, jobs))


def _limit(cell: Cell, window: float) -> dict[str, str]:
    limit = AUTO if cell.subject == AUTO else str(calls_in(window, cell.limit))
    return {"SEGMIND_RPM": limit, "SEGMIND_WINDOW": f"{window:g}"}


def _celery(ground: Ground, cell: Cell, jobs: int, ends: ExitStack) -> Caller:
    task = "plain.backoff" if cell.subject == BACKOFF else "plain.rated"
    celery_worker.prepare(ground.database_url, jobs)
    sender = ends.enter_context(celery_worker.Sender(ground.redis_url, ground.sandbox.url, task))
    workers = ends.enter_context(
        celery_worker.running_workers(
            ground.folder,
            cell.workers,
            math.ceil(cell.slots / cell.workers),
            redis_url=ground.redis_url,
            database_url=ground.database_url,
            module="limited_celery",
            rate=f"{cell.limit / cell.workers:g}/m",
        )
    )
    return Caller(workers, lambda: sender.send_many(jobs))


def _bucket(ground: Ground, cell: Cell, ends: ExitStack) -> Caller:
    images = ground.folder / "images"
    images.mkdir()
    guessed = _GUESSES[cell.subject] * calls_in(ground.window, cell.limit)
    command: list[object] = [sys.executable, "-P", "-m", "benchmarks.baselines.token_bucket"]
    command += [f"{ground.sandbox.url}/v1/{MODEL}", guessed, ground.window]
    command += [_PAUSE * ground.window / 60, images]
    group = ends.enter_context(Group())

    def begin() -> None:
        group.start(
            "bucket", command, ground.folder / "bucket.log", environment=plain_environment()
        )

    return Caller(group.processes, begin)
