"""Removes data that has had its time: the database says that it is gone, then its bytes go.

A turn is bounded in rows, objects and bytes, goes on where another has ended or died, and is harmless
when two of them run at once. Where nothing is due it is one look. An upkeep that is told to stop ends
it between two chunks.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from db.artifacts import ArtifactsAway
from db.batch_removals import MOST as MOST_BATCHES
from db.batch_removals import end_own_times, remove_batches
from db.crash_points import CrashPoint, reached
from db.keeping import Due
from db.removals import Removal
from db.upload_backfill import backfill
from db.upload_removals import remove_uploads
from worker.parts import Parts
from worker.stopping import stopping

log = structlog.get_logger()

CHUNK = 500
"""Rows of a kind let go in one commit."""
MOST_LET_GO = 5_000
"""Rows let go in one turn, about. A turn comes every 10 s."""
MOST_WALKED = 20_000
"""Jobs gone through in one turn by what comes before the very first."""
MOST_OBJECTS = 2_000
MOST_BYTES = 20 * 10**9
"""Bytes removed in one turn, about: some file systems take their time with large files."""


def purge(parts: Parts) -> dict[str, int]:
    """One turn; how much was let go and removed."""
    done = Counter[str]()
    due = parts.keeping.due()
    if due and _may_begin(parts):
        _let_go(parts, due, done)
        end_own_times(parts.database, due)
    if done:
        reached(CrashPoint.LET_GO)
    _remove(parts, done)
    if done:
        log.info(
            "data_removed",
            images_of=done["images"],
            jobs=done["jobs"],
            uploads=done["uploads"],
            batches=done["batches"],
            objects=done["objects"],
            bytes=done["bytes"],
        )
    return dict(done)


def _may_begin(parts: Parts) -> bool:
    """Whether it is known of all jobs which uploaded images they need."""
    ended = False
    for _ in range(MOST_WALKED // CHUNK):
        ended = backfill(parts.database, CHUNK)
        if ended or stopping.is_set():
            break
    return ended


@dataclass(frozen=True)
class _Step:
    """A kind of data of a tenant. `take` looks at up to so many rows, at fewer when no more are due;
    it gives how many it has looked at, and how many let go.
    """

    what: str
    take: Callable[[int], tuple[int, int]]


def _let_go(parts: Parts, due: list[Due], done: Counter[str]) -> None:
    """By turns, so that one tenant with a million of them keeps no other waiting."""
    # In another order in each turn: where one ends before all had theirs, it is not always the same
    # who had none.
    steps = deque(_steps(parts, random.sample(due, len(due))))
    left = MOST_LET_GO
    while steps and left > 0 and not stopping.is_set():
        step = steps.popleft()
        seen, gone = step.take(CHUNK)
        if gone:
            done[step.what] += gone
        left -= seen
        if seen == CHUNK:
            steps.append(step)


def _steps(parts: Parts, due: list[Due]) -> Iterator[_Step]:
    removals = parts.job_removals
    for one in due:
        if one.images is not None:
            yield _Step("images", _all(removals.remove_images, one, one.images))
        if one.jobs is not None:
            yield _Step("jobs", _all(removals.remove_data, one, one.jobs))
        if one.batches is not None:
            yield _Step("batches", _batches(parts, one, one.batches))
        if one.uploads is not None:
            take = partial(remove_uploads, parts.database, one.tenant_id, one.uploads)
            yield _Step("uploads", take)


def _all(
    verb: Callable[[UUID, datetime, int, UUID | None], int], due: Due, ended_by: datetime
) -> Callable[[int], tuple[int, int]]:
    """Of a verb that looks at no more than it lets go."""

    def take(limit: int) -> tuple[int, int]:
        count = verb(due.tenant_id, ended_by, limit, due.batch_id)
        return count, count

    return take


def _batches(parts: Parts, due: Due, finished_by: datetime) -> Callable[[int], tuple[int, int]]:
    """A few, since each has many rows, count as a whole chunk."""

    def take(limit: int) -> tuple[int, int]:
        count = remove_batches(parts.database, due.tenant_id, finished_by, due.batch_id)
        return (limit if count == MOST_BATCHES else count), count

    return take


def _remove(parts: Parts, done: Counter[str]) -> None:
    """Work off what is let go, by this turn or by one that has died. What cannot be removed, as it may
    be locked, is gone past.
    """
    for _ in range(MOST_OBJECTS // CHUNK):
        if stopping.is_set():
            return
        some = parts.removals.next(CHUNK)
        failures = list(parts.askers.map(partial(_failure, parts), some))
        gone = [one for one, failure in zip(some, failures, strict=True) if failure is None]
        if gone:
            parts.removals.done([one.artifact for one in gone])
            done.update(objects=len(gone), bytes=sum(one.bytes for one in gone))
        if len(gone) < len(some):
            why = next(filter(None, failures))
            log.warning("removal_delayed", reason=str(why), objects=len(some) - len(gone))
        if not gone or len(some) < CHUNK or done["bytes"] >= MOST_BYTES:
            return


def _failure(parts: Parts, one: Removal) -> ArtifactsAway | None:
    try:
        parts.artifacts.remove(one.artifact)
    except ArtifactsAway as error:
        return error
    return None
