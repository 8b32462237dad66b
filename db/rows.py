"""What the stores take and give: frozen values, no open rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

from jobs.account_pauses import Pause
from jobs.catalog import Transport
from jobs.credits import Reading
from jobs.doubts import DoubtEnd, OnDoubt
from jobs.failures import Failure
from jobs.money import ZERO, Money
from jobs.retention import Removed, removed_of
from jobs.retry import Decision
from jobs.states import Priority, State


@dataclass(frozen=True)
class NewJob:
    """A checked submit. `estimate` is the highest price of one call."""

    tenant_id: UUID
    pool: str
    model: str
    input: dict[str, Any]
    estimate: Money
    priority: Priority = Priority.NORMAL
    group: str = ""
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    run_at: datetime | None = None
    start_by: datetime | None = None
    finish_by: datetime | None = None
    max_attempts: int = 3
    on_doubt: OnDoubt = OnDoubt.HOLD
    doubt_deadline: datetime | None = None
    batch_id: UUID | None = None
    custom_id: str | None = None
    """What its client calls it in its batch."""


@dataclass(frozen=True)
class Output:
    """One kept image of a job; `artifact` is its key in the artifact store."""

    n: int
    artifact: str
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class JobDoubt:
    """What is not known of a job's latest call, since when, and what the last look for it found."""

    since: datetime
    kind: str
    message: str | None
    estimate: Money
    """What the call may have cost."""
    request_id: str | None
    looked: str | None
    next_look_at: datetime | None


@dataclass(frozen=True)
class Job:
    """A job as its row says. `attempts` were spent; `number` counts its calls, the fence."""

    id: UUID
    tenant_id: UUID
    pool: str
    model: str
    input: dict[str, Any]
    state: State
    priority: Priority
    group: str
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    run_at: datetime | None
    start_by: datetime | None
    finish_by: datetime | None
    max_attempts: int
    attempts: int
    number: int
    estimate: Money
    cost: Money
    seed: int | None
    error: dict[str, Any] | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outputs: tuple[Output, ...] = ()
    on_doubt: OnDoubt = OnDoubt.HOLD
    doubt_deadline: datetime | None = None
    """When a doubt ends as failed, if nothing has ended it before."""
    cancel_drops: bool = False
    """Whether the image of a call that was under way when it was canceled is dropped."""
    doubt: JobDoubt | None = None
    """Of a job in doubt, where it was read for its owner."""
    held_for: str | None = None
    """Why it is out of the order while it waits (db/held_jobs.py, db/covering.py)."""
    batch_id: UUID | None = None
    custom_id: str | None = None
    """What its client calls it in its batch."""
    outputs_removed_at: datetime | None = None
    """Since when its images are removed; their rows are left."""
    data_removed_at: datetime | None = None
    """Since when its input, metadata, tags, error and outputs are."""

    @property
    def removed(self) -> Removed:
        """How much of its data is removed."""
        return removed_of(self.outputs_removed_at, self.data_removed_at)


@dataclass(frozen=True)
class Input:
    """An uploaded image. Its reference, `segq:<sha256>`, means something to its tenant alone."""

    tenant_id: UUID
    sha256: str
    artifact: str
    content_type: str
    width: int
    height: int
    bytes: int
    generation: int = 0
    """How often it was removed and has come again."""


@dataclass(frozen=True)
class Terms:
    """What a claim is made under."""

    lease: timedelta
    """From now, or its holder's last heartbeat, until the attempt counts as lost."""
    bound: timedelta | None = None
    """Beyond this no heartbeat extends it. None: the lease."""
    holder: UUID | None = None
    """The process whose heartbeats extend it; None: none do."""
    transport: Transport | None = None
    """How the models are called whatever the catalog says; the account's own goes first."""
    floor: Money = ZERO
    """What must be left of the account's balance."""


@dataclass(frozen=True)
class Claim:
    """A job that this worker may call for, until its lease ends. `job` is as it was claimed."""

    attempt_id: UUID
    account_id: UUID
    job: Job
    seed: int | None
    transport: Transport = Transport.V1
    capped: bool = False
    """Whether a cap bounds how many jobs of its tenant, or of its group, run."""

    @property
    def number(self) -> int:
        return self.job.number


@dataclass(frozen=True)
class Held:
    """No claim: the account pauses; `new`: since this claim, whose price it cannot pay."""

    pause: Pause
    new: bool = False


@dataclass(frozen=True)
class Settlement:
    """What an attempt came to: its record (kept whoever brings it) and its job's next state.

    `cost` is what the attempt costs; `cost_known` tells the provider's own figure from our
    estimate. `failure` is None exactly when `outputs` came.
    """

    attempt_id: UUID
    account_id: UUID
    job_id: UUID
    tenant_id: UUID
    number: int
    decision: Decision
    cost: Money
    cost_known: bool
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    seed: int | None = None
    request_id: str | None = None
    http_status: int | None = None
    generation_seconds: float | None = None
    credits: Reading | None = None
    sent_at: datetime | None = None
    answered_at: datetime | None = None
    """When the answer had come whole; None when it did not."""
    answer_form: str | None = None
    """How images came: `raw`, `json`, `json-list` or `multipart`."""
    pause: Pause | None = None
    """What the account is to pause for, in the same commit, unless that is over."""
    doubt_ended: DoubtEnd | None = None
    """How a doubt ends with this; None: what its worker brought or had kept ends it."""
    found_by_request: bool = False
    """Whether the call was found in the history: then it is of one attempt alone."""


class Moved(IntEnum):
    """What a settle did to its job. False when nothing: another attempt, or another, has it."""

    NO = 0
    YES = 1
    WITHOUT_IMAGES = 2
    """It was canceled, and its images are not wanted."""


@dataclass(frozen=True)
class Lost:
    """An attempt whose lease ran out without a settle."""

    attempt_id: UUID
    account_id: UUID
    tenant_id: UUID
    job_id: UUID
    number: int
    estimate: Money
    samples: int
    seed: int | None
