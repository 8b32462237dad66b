"""The shapes that the API takes, for its OpenAPI document; the requests are checked by hand."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from api_gateway import envelope, pause_wish, resolution
from api_gateway.batches.matrix import MOST_LINES, MOST_NAMES
from api_gateway.batches.new_batch import LONGEST_NAME as LONGEST_BATCH_NAME
from api_gateway.cancel_wish import CancelImage
from api_gateway.estimate_body import MOST_COPIES, MOST_JOBS
from db.resolving import Verdict
from jobs.batches import MOST_JOBS as MOST_OF_BATCH
from jobs.doubts import OnDoubt
from jobs.limits import LONGEST_GROUP, LONGEST_NAME
from jobs.states import Priority

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Span = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": "^(forever|[1-9][0-9]{0,5}[hd])$"})
]
Tag = Annotated[str, Field(max_length=envelope.LONGEST_TAG)]


class Submit(BaseModel):
    """A job to queue. An optional member may be null: the same as leaving it out."""

    model_config = ConfigDict(extra="forbid")

    # Each model has its own shape of these two in /openapi.json: `model_documents.submit_shapes`.
    model: str
    input: dict[str, Any]
    priority: Priority | None = Priority.NORMAL
    group: str | None = Field("", max_length=LONGEST_GROUP)
    tags: list[Tag] | None = Field([], max_length=envelope.MOST_TAGS)
    run_at: Time | None = Field(None, description="Not before.")
    start_by: Time | None = Field(None, description="Else it expires.")
    finish_by: Time | None = None
    max_attempts: int | None = Field(envelope.DEFAULT_ATTEMPTS, ge=1, le=envelope.MOST_ATTEMPTS)
    on_doubt: OnDoubt | None = Field(
        OnDoubt.HOLD,
        description="Where nobody can tell whether its call was paid: hold the job, send it again "
        "(it may be paid twice), or let it fail.",
    )
    doubt_deadline: Time | None = Field(None, description="A doubt ends as failed then.")
    metadata: dict[str, Any] | None = Field(
        {},
        description=f"At most {envelope.LARGEST_METADATA:,} bytes as JSON. Whole numbers are kept "
        "digit for digit; others must be such as a double can hold.",
    )


class EstimateOfCopies(BaseModel):
    """Many jobs that cost alike and go to one place."""

    model_config = ConfigDict(extra="forbid")

    job: Submit
    count: int | None = Field(1, ge=1, le=MOST_COPIES, description="How often.")


class EstimateOfMany(BaseModel):
    """Jobs that would be submitted together."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[Submit | EstimateOfCopies] = Field(min_length=1, max_length=MOST_JOBS)


class EstimateOfMatrix(BaseModel):
    """Every combination of these values, as a batch has them."""

    model_config = ConfigDict(extra="forbid")

    job: Submit
    matrix: dict[str, list[Any] | dict[str, Any]] = Field(min_length=1, max_length=MOST_NAMES)


class Cancel(BaseModel):
    """What becomes of the image of a call that is under way."""

    model_config = ConfigDict(extra="forbid")

    image: CancelImage | None = Field(
        None,
        description="Null: as it was said before, and to begin with, keep. The latest wish counts.",
    )


class Resolve(BaseModel):
    """How a doubt ends. `request_id` and `output` are for `succeeded`, which needs one of them."""

    model_config = ConfigDict(extra="forbid")

    as_: Verdict = Field(alias="as")
    note: str = Field(
        min_length=1, max_length=resolution.LONGEST_NOTE, description="Why; kept with the call."
    )
    request_id: str | None = Field(
        None,
        max_length=resolution.LONGEST_ID,
        description="Segmind's id of the call. By itself: its result is fetched from there.",
    )
    output: str | None = Field(
        None, description="An image that you have uploaded.", examples=["segq:" + "0a" * 32]
    )


_Name = Annotated[str, Field(max_length=LONGEST_NAME)]


class ResumeWish(BaseModel):
    """One of these; `tenant` may stand beside `group`, which is your own tenant's otherwise."""

    model_config = ConfigDict(extra="forbid")

    tenant: _Name | None = None
    group: str | None = Field(None, max_length=LONGEST_GROUP)
    account: _Name | None = None
    model: _Name | None = None


class PauseWish(ResumeWish):
    """What is to pause, and why; told to whoever waits."""

    reason: str | None = Field(None, max_length=pause_wish.LONGEST_REASON)


class NewBatch(BaseModel):
    """A batch to open. What a line does not say itself, this says for all of them; in its texts,
    `{name}` is filled in from each line's `vars`, or from its columns.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field("", max_length=LONGEST_BATCH_NAME)
    model: str | None = None
    input: dict[str, Any] | None = None
    priority: Priority | None = Priority.NORMAL
    budget: str | None = Field(None, description="USD, decimal text.", examples=["5.00"])
    on_error: Literal["continue", "stop_after_n"] | None = None
    stop_after: int | None = Field(
        None, ge=1, le=MOST_OF_BATCH, description="It pauses when so many have failed."
    )
    keep_outputs: Span | None = Field(
        None,
        description="How long images are kept after their job's end; no longer than the tenant's.",
    )
    keep_jobs: Span | None = Field(
        None,
        description="Likewise all data of its jobs, after their end, and its own, after its end.",
    )
    tags: list[Tag] | None = Field(None, max_length=envelope.MOST_TAGS)
    run_at: Time | None = None
    start_by: Time | None = None
    finish_by: Time | None = None
    max_attempts: int | None = Field(None, ge=1, le=envelope.MOST_ATTEMPTS)
    on_doubt: OnDoubt | None = None
    doubt_deadline: Time | None = None
    metadata: dict[str, Any] | None = {}
    jobs: list[dict[str, Any]] | None = Field(
        None, min_length=1, max_length=MOST_LINES, description="All its lines; it is closed then."
    )
    matrix: dict[str, list[Any] | dict[str, Any]] | None = Field(
        None,
        min_length=1,
        max_length=MOST_NAMES,
        description="Every combination of these values is a line, and it is closed. A name is a "
        "parameter's, or one that a template asks for; an object in the place of a list says what each "
        f"value is called in the lines' names. At most {MOST_LINES:,} combinations.",
        examples=[{"prompt": ["a cat", "a dog"], "seed": [1, 2, 3]}],
    )


class BatchChange(BaseModel):
    """What is to change of a batch; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    priority: Priority | None = None
    budget: str | None = Field(None, description="USD, decimal text; null: no budget of its own.")


class BatchPause(BaseModel):
    """Why; told to whoever waits."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(None, max_length=pause_wish.LONGEST_REASON)


ALL = (
    NewBatch,
    BatchChange,
    BatchPause,
    Submit,
    EstimateOfMany,
    EstimateOfCopies,
    EstimateOfMatrix,
    Cancel,
    Resolve,
    PauseWish,
    ResumeWish,
)
