"""The shapes that the API takes, for its OpenAPI document; the requests are checked by hand."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from api_gateway import envelope, pause_wish, resolution
from api_gateway.cancel_wish import CancelImage
from api_gateway.estimate_body import MOST_COPIES, MOST_JOBS
from db.resolving import Verdict
from jobs.doubts import OnDoubt
from jobs.limits import LONGEST_GROUP, LONGEST_NAME
from jobs.states import Priority

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
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


class EstimateOfMany(BaseModel):
    """Jobs that would be submitted together."""

    model_config = ConfigDict(extra="forbid")

    jobs: list[Submit] = Field(min_length=1, max_length=MOST_JOBS)


class EstimateOfCopies(BaseModel):
    """Many jobs that cost alike and go to one place."""

    model_config = ConfigDict(extra="forbid")

    job: Submit
    count: int | None = Field(1, ge=1, le=MOST_COPIES, description="How often.")


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


ALL = (Submit, EstimateOfMany, EstimateOfCopies, Cancel, Resolve, PauseWish, ResumeWish)
