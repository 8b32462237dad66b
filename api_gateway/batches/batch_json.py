"""A batch as the API shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from api_gateway import times
from api_gateway.batches.new_batch import CONTINUE, STOP_AFTER
from api_gateway.pause_json import pause_json
from api_gateway.problems import MOST_ERRORS
from db.batch_rows import Batch, Rejection
from db.hand_pauses import HandPause
from jobs import money
from jobs.batches import BatchState, Counts
from jobs.money import Money
from jobs.retention import span_text
from jobs.states import State


@dataclass(frozen=True)
class Kind:
    """Jobs that ended for one reason, and one of them with what it says."""

    kind: str
    count: int
    example: UUID | None
    message: str | None


@dataclass(frozen=True)
class View:
    """All that is shown of a batch. `pace`: images of the last minute."""

    batch: Batch
    counts: Counts
    rejected: int
    pace: int
    pause: HandPause | None
    kinds: Sequence[Kind] = ()
    ends_at: datetime | None = None


def state_of(batch: Batch, counts: Counts) -> str:
    """`open`, `running`, `finished`, or `canceling` and `canceled`."""
    if batch.state is BatchState.OPEN:
        return "open"
    over = batch.finished_at is not None or (batch.sweep is None and not counts.to_come.jobs)
    if batch.state is BatchState.CANCELED:
        return "canceled" if over else "canceling"
    return "finished" if over else "running"


def document(view: View, base: str) -> dict[str, Any]:
    """The batch as JSON. Money is decimal text in USD, times are RFC 3339 in UTC."""
    batch, counts = view.batch, view.counts
    own = f"{base}/api/v1/batches/{batch.id}"
    return {
        "id": str(batch.id),
        "name": batch.name,
        "state": state_of(batch, counts),
        "jobs": batch.jobs,
        "counts": {str(state): counts.of(state).jobs for state in State},
        "rejected": view.rejected,
        "cost": money.text(counts.cost),
        "projected_cost": money.text(projected(counts)),
        "images_per_minute": view.pace,
        "estimated_end": times.about(view.ends_at),
        "errors": [
            {
                "kind": one.kind,
                "count": one.count,
                "example": None if one.example is None else str(one.example),
                "message": one.message,
            }
            for one in view.kinds
        ],
        "priority": batch.priority,
        "budget": None if batch.budget is None else money.text(batch.budget),
        "committed": money.text(counts.committed),
        "on_error": CONTINUE if batch.stop_after is None else STOP_AFTER,
        "stop_after": batch.stop_after,
        "pause": pause_json(view.pause),
        "doing": batch.sweep,
        "keep_outputs": span_text(batch.keeps.outputs),
        "keep_jobs": span_text(batch.keeps.jobs),
        "defaults": batch.defaults,
        "metadata": batch.metadata,
        "created_at": times.text(batch.created_at),
        "closed_at": times.text(batch.closed_at),
        "finished_at": times.text(batch.finished_at),
        "data_removed": batch.data_removed_at is not None,
        "data_removed_at": times.text(batch.data_removed_at),
        "links": {
            name: own if name == "self" else f"{own}/{name}"
            for name in ("self", "jobs", "results", "rejected", "images.zip", "contact-sheet.jpg")
        },
    }


def projected(counts: Counts) -> Money:
    """What all will have cost, if those to come cost what those that succeeded did by the mean; as
    long as none has, what they may cost.
    """
    done, to_come = counts.of(State.SUCCEEDED), counts.to_come
    if not done.jobs:
        return counts.committed
    return Money(counts.cost + round(to_come.jobs * done.cost / done.jobs))


def rejections(found: Sequence[Rejection]) -> list[dict[str, Any]]:
    """Rejected lines as JSON."""
    return [rejection(one) for one in found]


def rejection(one: Rejection) -> dict[str, Any]:
    """A rejected line: which, and all that is wrong with it."""
    return {
        "line": one.number,
        "custom_id": one.custom_id,
        "errors": [
            {"field": wrong.field, "message": wrong.message, "got": wrong.got}
            for wrong in one.errors[:MOST_ERRORS]
        ],
    }
