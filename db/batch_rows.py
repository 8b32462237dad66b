"""What the stores of batches take and give: frozen values, no open rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case

from db.ids import new_id
from db.rows import NewJob
from db.tables import batches
from jobs.batches import BatchState, Sweep
from jobs.errors import FieldProblem, Refusal
from jobs.money import Money
from jobs.retention import FOR_EVER, Keeps
from jobs.states import Priority, State

_PRIORITIES = {priority.rank: priority for priority in Priority}


GOES_ON_AGAIN: Mapping[str, Any] = {
    "finished_at": None,
    # At once: a moment that has passed.
    "keep_due": case(
        (
            batches.c.keep_outputs.is_not(None) | batches.c.keep_jobs.is_not(None),
            batches.c.created_at,
        )
    ),
}
"""Values of a batch that had finished, and some of whose jobs are tried once more."""


def group_of(batch_id: UUID) -> str:
    """The group that all jobs of a batch are in: so batches take turns, and one pauses as a whole."""
    return f"batch:{batch_id}"


def line_key(batch_id: UUID, custom_id: str) -> bytes:
    """By which a line is found: of the batch, and of what its client calls it there."""
    return hashlib.blake2b(batch_id.bytes + custom_id.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class NewBatch:
    """A checked batch. `defaults`: the members of a job that a line need not say.

    `budget`: what its jobs may cost together. `stop_after`: it pauses when so many have failed.
    """

    tenant_id: UUID
    pool: str
    name: str
    defaults: dict[str, Any]
    priority: Priority = Priority.NORMAL
    budget: Money | None = None
    stop_after: int | None = None
    metadata: dict[str, Any] | None = None
    keeps: Keeps = FOR_EVER
    """Its own times; its tenant's hold where they are shorter."""
    id: UUID = field(default_factory=new_id)

    @property
    def group(self) -> str:
        return group_of(self.id)


@dataclass(frozen=True)
class Batch:
    """A batch as its row says. `jobs`: lines that were accepted."""

    id: UUID
    tenant_id: UUID
    pool: str
    name: str
    defaults: dict[str, Any]
    metadata: dict[str, Any]
    priority: Priority
    budget: Money | None
    stop_after: int | None
    state: BatchState
    jobs: int
    sweep: Sweep | None
    """What is being done to all its jobs; None: nothing."""
    sweep_states: tuple[State, ...]
    """Of a retry: the states that it is for."""
    swept: int
    """The first position that the sweep has not reached."""
    failed_before: int
    """How many had failed when it last went on after a stop."""
    created_at: datetime
    closed_at: datetime | None
    finished_at: datetime | None
    """When it was seen that all its jobs had ended, and no more come."""
    keeps: Keeps
    data_removed_at: datetime | None
    """Since when its defaults, its metadata and its rejected lines are removed."""

    @property
    def group(self) -> str:
        return group_of(self.id)


@dataclass(frozen=True)
class Line:
    """A checked line. `number`: its place in the upload, from 1; `digest`: of what it asks for.

    `follows`: it says no priority, and has its batch's, whatever that is when it is taken.
    """

    number: int
    custom_id: str
    new: NewJob
    digest: bytes
    follows: bool = False


@dataclass(frozen=True)
class Rejection:
    """A line that is not taken, and what is wrong with it.

    `digest`: of what it asks for. One that is there already is known by it: what was good when it
    came, a `finish_by` or an image, may be no more.
    """

    number: int
    custom_id: str
    errors: tuple[FieldProblem, ...]
    digest: bytes | None = None


@dataclass(frozen=True)
class Taken:
    """What became of lines. `known`: so many were there already, and are the same."""

    accepted: int
    known: int
    rejections: tuple[Rejection, ...]
    stopped: tuple[int, Refusal] | None = None
    """The first line for which there was no room or no money, and why: from it on none was taken."""


def batch_of(row: Row[Any]) -> Batch:
    """A `batches` row as a value."""
    return Batch(
        id=row.id,
        tenant_id=row.tenant_id,
        pool=row.pool,
        name=row.name,
        defaults=row.defaults,
        metadata=row.metadata,
        priority=_PRIORITIES[row.priority],
        budget=None if row.budget is None else Money(row.budget),
        stop_after=row.stop_after,
        state=BatchState(row.state),
        jobs=row.jobs,
        sweep=None if row.sweep is None else Sweep(row.sweep),
        sweep_states=tuple(State(one) for one in row.sweep_states or ()),
        swept=row.swept,
        failed_before=row.failed_before,
        created_at=row.created_at,
        closed_at=row.closed_at,
        finished_at=row.finished_at,
        keeps=own_times(row),
        data_removed_at=row.data_removed_at,
    )


def own_times(row: Row[Any]) -> Keeps:
    """How long a batch wants its jobs' images and data kept; for ever where it does not say."""
    return Keeps(_span(row.keep_outputs), _span(row.keep_jobs))


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
