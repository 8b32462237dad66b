"""The shapes of batches, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import Field

from api_gateway.document import Document
from api_gateway.problem_documents import WrongField
from api_gateway.tenant_documents import HandPause
from jobs.batches import Sweep
from jobs.states import Priority, State

BatchStateShown = Literal["open", "running", "finished", "canceling", "canceled"]
_MONEY = "USD, decimal text"


class BatchError(Document):
    """Why jobs of a batch ended without images, and one of them."""

    kind: str = Field(description="One of those in docs/errors.md.")
    count: int
    example: str | None = Field(description="The id of a job that ended so.")
    message: str | None = Field(description="What was said of it.")


class ListedBatch(Document):
    """A batch in a list."""

    id: str
    name: str
    state: BatchStateShown = Field(
        description="`open`: it takes jobs; those that came are made meanwhile. `running`: it takes "
        "no more. `finished`, `canceled`: all its jobs have ended."
    )
    jobs: int = Field(description="Lines that were accepted.")
    counts: dict[State, int]
    cost: str = Field(description=f"{_MONEY}; what was paid so far.")
    projected_cost: str = Field(description=f"{_MONEY}; what all will have cost, as it looks now.")
    priority: Priority
    budget: str | None = Field(description=f"{_MONEY}; what its jobs may cost together.")
    metadata: dict[str, Any]
    created_at: str
    closed_at: str | None
    finished_at: str | None
    links: dict[str, str]


class Batch(ListedBatch):
    """A batch. Times are RFC 3339 in UTC."""

    rejected: int = Field(description="Lines that were not taken; counting ends at 20,000.")
    images_per_minute: int = Field(description="Those of the last minute.")
    estimated_end: str | None = Field(
        description="Of all that is queued now, if nobody else comes; null: nobody can know."
    )
    errors: list[BatchError]
    committed: str = Field(description=f"{_MONEY}; paid, or may still have to be.")
    on_error: Literal["continue", "stop_after_n"]
    stop_after: int | None
    pause: HandPause | None
    doing: Sweep | None = Field(description="What is being done to all its jobs; null: nothing.")
    keep_outputs: str = Field(
        description="How long images of its jobs are kept after their end, if its tenant's are not "
        "for a shorter time: `30d`, `36h` or `forever`."
    )
    keep_jobs: str = Field(description="Likewise all data of its jobs, and its own.")
    defaults: dict[str, Any]
    data_removed: bool = Field(
        description="Whether its time has passed: `defaults` and `metadata` are empty, and the "
        "rejected lines are gone."
    )
    data_removed_at: str | None


class BatchList(Document):
    """A page of batches, newest first."""

    items: list[ListedBatch]
    next_cursor: str | None = Field(description="For the next page; null: this is the last.")


class RejectedLine(Document):
    """A line that was not taken."""

    line: int
    custom_id: str = Field(description="`line-N` where it has none.")
    errors: list[WrongField]


class Upload(Document):
    """What became of lines that were sent."""

    accepted: int
    known: int = Field(description="Lines that were there already.")
    rejected: int
    rejections: list[RejectedLine] = Field(description="The first of them, 100 at the most.")


ALL = (Batch, BatchList, Upload)
