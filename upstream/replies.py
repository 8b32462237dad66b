"""What a call brings back: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from jobs.failures import Failure
from jobs.matching import HistoryStatus
from jobs.money import Money


@dataclass(frozen=True)
class Image:
    """An image that was decoded once. `content_type` is what the bytes are, not what was claimed."""

    data: bytes
    content_type: str
    width: int
    height: int

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height}, {len(self.data)} bytes"
        return f"Image({self.content_type}, {size})"


@dataclass(frozen=True)
class Facts:
    """What the headers, or the record of a v2 request, tell (segmind-api §1 and §2), each None when it
    is absent or cannot be read.
    """

    request_id: str | None = None
    cost: Money | None = None
    credits: Money | None = None
    """The balance after this call; of a v2 request: after it ended, which may be a while ago."""
    seed: int | None = None
    generation_seconds: float | None = None
    generation_step: float = 1.0
    """In which steps `generation_seconds` was told."""
    resets_at: datetime | None = None
    """When the current rate limit window ends."""
    date: datetime | None = None
    """The provider's clock, to whole seconds."""


@dataclass(frozen=True)
class Reply:
    """The end of one call. Times are UTC by the wall clock, except where the name says otherwise."""

    result: tuple[Image, ...] | Failure
    facts: Facts
    status: int | None
    """HTTP status, None where no answer came."""
    sent_at: datetime | None
    """When the first byte was about to be written; None proves that nothing was."""
    sent_monotonic: float | None
    """The same moment in seconds of `time.monotonic`."""
    arrived_at: datetime
    form: str
    """How the result came: `raw` (the image's bytes, or their base64, are the body), `json` (with one
    text), `json-list`, `multipart`, or empty. How many images came may differ from how many were
    asked for: the caller knows, the client does not."""


@dataclass(frozen=True)
class Balance:
    """What the account can spend, paid and free credits together (segmind-api §5)."""

    credits: Money
    sent_at: datetime
    arrived_at: datetime


@dataclass(frozen=True)
class Submission:
    """The end of one v2 POST. Times as in `Reply`."""

    result: str | Failure
    """The request's id, printable and of at most `facts.LONGEST_REQUEST_ID` characters."""
    facts: Facts
    status: int | None
    sent_at: datetime | None
    sent_monotonic: float | None
    arrived_at: datetime


class RequestState(StrEnum):
    """How far a v2 request is, as Segmind spells it (segmind-api §2)."""

    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Record:
    """What Segmind says of a v2 request, within an hour of its submission."""

    state: RequestState
    outputs: tuple[str, ...]
    """Addresses, in order and without doubles; none unless it is completed and was asked for whole.
    How many came may differ from how many were asked for."""
    failure: Failure | None
    """Of a failed one only."""
    facts: Facts
    sent_at: datetime
    arrived_at: datetime


@dataclass(frozen=True)
class HistoryRow:
    """One row of the request history (segmind-api §4). A request with several outputs stands there
    once per output, each time with its full cost.
    """

    request_id: str
    model: str
    """Empty where it cannot be read."""
    status: HistoryStatus
    cost: Money | None
    inputs: Mapping[str, Any]
    """In the form of `jobs.shown_inputs`; empty where the history does not show them."""
    output: str | None
    """An http(s) URL."""
    created_at: datetime | None
    """UTC. When the request was made, or another moment that the row tells where that is missing."""
    error: str
    """One line, empty where there is none."""
