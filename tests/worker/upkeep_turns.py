"""Turns of upkeep, taken by hand: as if the time of whatever is due had come."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from db.rows import Job
from db.tables import attempts
from worker.parts import Parts
from worker.polling import poll
from worker.reconciling import reconcile

PATIENCE = 20.0


def attempt(parts: Parts, job: Job) -> dict[str, Any]:
    """The job's latest attempt, as it is in SQL."""
    with parts.database.read() as connection:
        row = connection.execute(
            select(attempts)
            .where(attempts.c.job_id == job.id)
            .order_by(attempts.c.number.desc())
            .limit(1)
        ).one()
        return dict(row._mapping)


def change(parts: Parts, job: Job, **values: object) -> None:
    """Write something into the job's attempts."""
    with parts.database.write() as connection:
        connection.execute(update(attempts).where(attempts.c.job_id == job.id).values(values))


def long_ago(parts: Parts, job: Job, age: timedelta = timedelta(hours=1)) -> None:
    """As if the job's attempt had been made, and had come into doubt, that long ago."""
    now = attempt(parts, job)
    moments = ("claimed_at", "deadline_at", "lease_until", "in_doubt_at")
    change(parts, job, **{name: now[name] - age for name in moments if now[name] is not None})


def poll_now(parts: Parts) -> dict[str, int]:
    """Ask about every request that is under way."""
    with parts.database.write() as connection:
        connection.execute(
            update(attempts)
            .where(attempts.c.next_poll_at.is_not(None))
            .values(next_poll_at=parts.database.now)
        )
    return poll(parts)


def look_now(parts: Parts) -> dict[str, int]:
    """Look for everything that is to be looked for."""
    with parts.database.write() as connection:
        connection.execute(
            update(attempts)
            .where(attempts.c.next_look_at.is_not(None))
            .values(next_look_at=parts.database.now)
        )
    return reconcile(parts)


def until(turn: Callable[[], object], holds: Callable[[], bool]) -> None:
    """Take turns until it holds; fails after `PATIENCE` seconds."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it never came true"
        turn()
        time.sleep(0.05)
