"""Jobs that are about to be added: who is let in, and their rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from db.budget_books import OpenBooks
from db.ids import new_id
from db.job_uploads import Upload, refusal_of
from db.queue_room import Room
from db.rows import Job, NewJob
from jobs.errors import BudgetExceeded, Refusal
from jobs.money import Money
from jobs.states import State


def let_in(
    new: Sequence[NewJob],
    rooms: Mapping[UUID, Room],
    books: OpenBooks,
    now: datetime,
    lacking: Collection[Upload],
) -> Iterator[Job | Refusal]:
    """Each job as its row will say, or why it is refused: of each tenant the first get in.

    One that is refused takes nothing of the queue's room and of the budget from those after it.
    `lacking`: uploaded images that are not kept any more, as `HeldUploads.hold` has found.
    """
    for one in new:
        room = rooms.get(one.tenant_id)
        if lacking and (wrong := refusal_of(one, lacking)) is not None:
            yield wrong
        elif room is not None and room.left <= 0:
            yield room.refusal
        elif (short := books.admit_job(one.tenant_id, one.estimate)) is not None:
            yield BudgetExceeded(short, one.estimate)
        else:
            if room is not None:
                room.left -= 1
            yield _added(one, now)


def _added(new: NewJob, now: datetime) -> Job:
    """The job as its row will say, without a second look at it."""
    due = new.run_at is None or new.run_at <= now
    return Job(
        id=new_id(),
        tenant_id=new.tenant_id,
        pool=new.pool,
        model=new.model,
        input=new.input,
        state=State.QUEUED if due else State.SCHEDULED,
        priority=new.priority,
        group=new.group,
        tags=tuple(new.tags),
        metadata=new.metadata or {},
        run_at=new.run_at,
        start_by=new.start_by,
        finish_by=new.finish_by,
        max_attempts=new.max_attempts,
        on_doubt=new.on_doubt,
        doubt_deadline=new.doubt_deadline,
        attempts=0,
        number=0,
        estimate=new.estimate,
        cost=Money(0),
        seed=None,
        error=None,
        cancel_requested_at=None,
        created_at=now,
        started_at=None,
        finished_at=None,
        batch_id=new.batch_id,
        custom_id=new.custom_id,
    )


def row_of_new(job: Job) -> dict[str, Any]:
    """What an insert gives; the rest are the table's defaults."""
    return {
        "id": job.id,
        "tenant_id": job.tenant_id,
        "pool": job.pool,
        "model": job.model,
        "input": job.input,
        "state": job.state,
        "priority": job.priority.rank,
        "group_name": job.group,
        "tags": list(job.tags),
        "metadata": job.metadata,
        "run_at": job.run_at,
        "start_by": job.start_by,
        "finish_by": job.finish_by,
        "max_attempts": job.max_attempts,
        "on_doubt": job.on_doubt,
        "doubt_deadline": job.doubt_deadline,
        "estimate": job.estimate,
        "created_at": job.created_at,
        "batch_id": job.batch_id,
        "custom_id": job.custom_id,
    }
