"""The shapes that the API takes and gives, for its OpenAPI document.

The answers are built by hand and the requests checked by hand; a test holds the answers to these.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api_gateway import envelope
from jobs.states import Priority, State, WaitingFor


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Output(_Document):
    url: str = Field(description="Needs the same API key.")
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class JobError(BaseModel):
    """Why a job failed, or what was last in its way. More members may come."""

    kind: str
    message: str


class Links(_Document):
    self: str
    cancel: str
    outputs: list[str]


class Job(_Document):
    """A job. Times are RFC 3339 in UTC."""

    id: str
    model: str
    state: State
    input: dict[str, Any] = Field(
        description="As it came, with defaults filled in; an image that came as data is a reference."
    )
    outputs: list[Output]
    cost: str = Field(description="USD, decimal text; what was paid so far.", examples=["0.006"])
    attempts: int = Field(description="Spent ones; waiting spends none.")
    max_attempts: int
    error: JobError | None
    waiting_for: WaitingFor | None = Field(description="Only of a queued job.")
    seed: int | None = Field(description="Of the latest attempt.")
    priority: Priority
    group: str
    tags: list[str]
    metadata: dict[str, Any]
    run_at: str | None
    start_by: str | None
    finish_by: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    cancel_requested: bool
    note: str | None = Field(description="What a running job's cancel means.")
    links: Links


_TIME: dict[str, JsonValue] = {"type": "string", "format": "date-time"}


class Submit(_Document):
    """A job to queue. An optional member may be null: the same as leaving it out."""

    model: str = Field(description="A slug of GET /api/v1/models.", examples=["ssd-canny"])
    input: dict[str, Any] = Field(
        description="The model's parameters: see its input_schema at GET /api/v1/models/{slug}.",
        examples=[
            {"image": "https://example.com/photo.png", "prompt": "a city at night", "seed": 7}
        ],
    )
    priority: Priority | None = Priority.NORMAL
    group: str | None = Field("", max_length=envelope.LONGEST_GROUP)
    tags: list[str] | None = Field([], max_length=envelope.MOST_TAGS)
    run_at: str | None = Field(None, json_schema_extra=_TIME, description="Not before.")
    start_by: str | None = Field(None, json_schema_extra=_TIME, description="Else it expires.")
    finish_by: str | None = Field(None, json_schema_extra=_TIME)
    max_attempts: int | None = Field(envelope.DEFAULT_ATTEMPTS, ge=1, le=envelope.MOST_ATTEMPTS)
    metadata: dict[str, Any] | None = Field(
        {}, description=f"At most {envelope.LARGEST_METADATA:,} bytes as JSON."
    )


class KeptImage(_Document):
    reference: str = Field(description="Usable as `image`.", examples=["segq:" + "0a" * 32])
    content_type: Literal["image/jpeg", "image/png", "image/webp"]
    width: int
    height: int
    bytes: int
    sha256: str


class Price(_Document):
    amount: str = Field(description="Decimal text.", examples=["0.006"])
    currency: Literal["USD"]
    per: str = Field(examples=["sample"])


class Model(_Document):
    slug: str
    name: str
    description: str
    price: Price
    typical_seconds: float
    output: str
    transport: str
    input_schema: dict[str, Any] = Field(description="JSON Schema, draft 2020-12.")


class Models(_Document):
    models: list[Model]


class Health(_Document):
    status: str


class WrongField(_Document):
    field: str
    message: str
    got: str | None = Field(description="What came, shortened.")


class Problem(_Document):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[WrongField]


ALL = (Job, Submit, KeptImage, Model, Models, Health, Problem)
