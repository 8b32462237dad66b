"""The shapes that the API gives, for its OpenAPI document; those that it takes: `request_documents`.

The answers are built by hand; a test holds them to these.
"""

from typing import Any, Literal

from pydantic import Field

from api_gateway.document import Document as _Document
from db.account_values import KeySource
from db.job_pages import MOST_COUNTED
from jobs.account_pauses import PauseReason
from jobs.catalog import Transport
from jobs.doubts import DoubtEnd, OnDoubt
from jobs.failures import Reaction
from jobs.states import Priority, State, WaitingFor


class Output(_Document):
    url: str = Field(description="Needs the same API key.")
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class JobError(_Document):
    """Why a job failed, or what was last in its way. One that expired has no more than a message."""

    kind: str = Field(description="One of those in docs/errors.md.")
    message: str = Field(description="What Segmind or the network said.")
    advice: str | None = Field(None, description="What to do.")
    status: int | None = Field(None, description="Of Segmind's answer; null: none came.")
    reaction: Reaction | None = Field(None, description="What was done about it.")


class Happening(_Document):
    """When a call was claimed, sent, answered, in doubt, or finished."""

    at: str
    event: Literal["claimed", "sent", "answered", "in_doubt", "finished"]


class Attempt(_Document):
    """One call to Segmind. A job that waits for a limit is called for again and spends nothing."""

    number: int = Field(description="Counts a job's calls from 1.")
    account: str
    state: Literal["running", "in_doubt", "ended"]
    outcome: str | None = Field(description="`succeeded`, or the kind of the failure.")
    message: str | None
    http_status: int | None
    seed: int | None
    transport: Transport
    request_id: str | None = Field(description="Segmind's own.")
    estimate: str = Field(description="USD, decimal text; what it may cost at the most.")
    cost: str | None = Field(description="USD, decimal text; null: not known yet.")
    cost_known: bool | None = Field(description="Whether the cost is Segmind's own figure.")
    generation_seconds: float | None
    answer_form: str | None = Field(description="How its images came: raw, json, …")
    claimed_at: str
    sent_at: str | None
    answered_at: str | None
    in_doubt_at: str | None
    doubt_ended: DoubtEnd | None = Field(description="Null: no doubt, or it goes on.")
    looked: str | None = Field(
        description="What the last look at Segmind's history came to, or what an operator said."
    )
    finished_at: str | None
    timeline: list[Happening] = Field(description="These times, in order.")


class Doubt(_Document):
    """What is not known of a job's latest call, and what was done to find out."""

    since: str
    kind: str = Field(description="One of those in docs/errors.md.")
    message: str | None
    estimate: str = Field(description="USD, decimal text; what the call may have cost.")
    looked: str | None = Field(
        description="What the last look at Segmind's history came to; null: none yet."
    )
    next_look_at: str | None


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
    position: int | None = Field(
        description="Of a queued job that is read by itself: 1 is the next call to be made; null: "
        "more go before it than are counted."
    )
    estimated_start: str | None = Field(
        description="Likewise: when its call is to leave, if nobody else comes; null: nobody can "
        "know, and `note` or `waiting_for` says why."
    )
    seed: int | None = Field(description="Of the latest attempt.")
    priority: Priority
    group: str
    batch: str | None = Field(description="The id of the batch that it came in.")
    custom_id: str | None = Field(description="What its client calls it in its batch.")
    tags: list[str]
    metadata: dict[str, Any]
    run_at: str | None
    start_by: str | None
    finish_by: str | None
    on_doubt: OnDoubt = Field(description="What becomes of it where nobody can tell in time.")
    doubt_deadline: str | None
    doubt: Doubt | None = Field(description="Of a job in doubt.")
    created_at: str
    started_at: str | None
    finished_at: str | None
    cancel_requested: bool
    outputs_kept_until: str | None = Field(
        description="Of a job with images: they are removed soon after. Null: never, as things stand."
    )
    outputs_removed_at: str | None = Field(
        description="Since then the addresses of its images answer 410."
    )
    kept_until: str | None = Field(
        description="Of a job that has ended: its data is removed soon after. Null: never, as things "
        "stand."
    )
    data_removed: bool = Field(
        description="Whether its input, metadata, tags, error and outputs are removed: they are empty "
        "then. What it was, how and when it ended, and what it cost stay."
    )
    data_removed_at: str | None
    note: str | None = Field(
        description="After a cancel: what it means for the money. Of a job that waits: more about "
        "why. Of one in doubt: what is asked for."
    )
    links: Links
    attempt_history: list[Attempt] = Field(
        [], description="With `include=attempts` only: the latest calls, the first of them first."
    )


class JobList(_Document):
    """A page of jobs, newest first. It may hold fewer than asked for and not be the last."""

    items: list[Job]
    next_cursor: str | None = Field(description="For the next page; null: this is the last.")


class AccountPause(_Document):
    """Why an account's calls, or those of one model, do not leave."""

    reason: PauseReason
    since: str | None = Field(description="Null for a rate limit.")
    said: str | None = Field(description="What Segmind said, shortened.")
    what_to_do: str


class WholePause(AccountPause):
    until: str | None = Field(description="Null: until the cause is gone.")


class ModelPause(AccountPause):
    model: str


class UpstreamKey(_Document):
    """Of an account's key: it is never shown."""

    source: KeySource
    fingerprint: str = Field(description="Its last characters, four at the most.")


class Change(_Document):
    """The last thing that an operator has changed by hand."""

    what: str = Field(examples=["pause"])
    by: str = Field(description="The user of the operator's machine.")
    why: str | None
    at: str


class CallLimit(_Document):
    """Calls in a window of so many seconds."""

    configured: int | Literal["auto"] = Field(description="`auto`: the limit is found out.")
    believed: int = Field(description="What is kept to now: refusals have taught it.")
    last_good: int | None = Field(description="Last known to be good; null: nothing was learned.")
    window_seconds: int
    window_kind: Literal["fixed", "sliding"] | None = Field(
        description="How the window seems to be; null: nobody can say yet."
    )


class UpstreamAccount(_Document):
    """An account at Segmind."""

    name: str
    pool: str
    calls_per_minute: float = Field(description="As they are believed to be allowed.")
    limit: CallLimit
    credits: str | None = Field(description="USD, decimal text; null: never read.")
    credits_read_at: str | None
    pause: WholePause | None = Field(description="Of all its calls.")
    paused_models: list[ModelPause]
    open_calls: int = Field(description="Calls under way or in doubt, of all tenants.")
    committed: str = Field(description="USD, decimal text; what those may still cost.")
    transport: Transport | None = Field(
        description="How all models are called; null: as the catalog says."
    )
    key: UpstreamKey | None = Field(description="null: no worker has used it yet.")
    changed: Change | None
    doubts: dict[DoubtEnd | Literal["open", "sent_again"], int] = Field(
        description="Of all tenants: `open` ones, how all earlier ones ended, and how many calls "
        "were `sent_again` though they may have been paid."
    )
    expiring_soon: int = Field(
        description="Results that are not fetched, whose records at Segmind expire within 10 minutes."
    )


class Account(_Document):
    accounts: list[UpstreamAccount]
    jobs: dict[State, int] = Field(description="Your own jobs by state.")
    jobs_capped: list[State] = Field(
        description=f"States of which there may be more: counting ends at {MOST_COUNTED:,}."
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
    times: str | None = Field(
        description="The parameter by which a call's price is multiplied; null: by none.",
        examples=["samples"],
    )


class Model(_Document):
    slug: str
    name: str
    description: str
    price: Price
    typical_seconds: float
    output: str
    transport: str
    input_schema: dict[str, Any] = Field(description="JSON Schema, draft 2020-12.")
    example: dict[str, Any] = Field(description="An `input` that is accepted.")


class Models(_Document):
    models: list[Model]


class Health(_Document):
    status: str


ALL = (Job, JobList, Account, KeptImage, Model, Models, Health)
