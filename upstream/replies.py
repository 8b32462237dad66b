"""What a call brings back: frozen values."""

from dataclasses import dataclass
from datetime import datetime

from jobs.failures import Failure
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
    """What the headers tell (segmind-api §1), each None when it is absent or cannot be read."""

    request_id: str | None = None
    cost: Money | None = None
    credits: Money | None = None
    """The balance after this call."""
    seed: int | None = None
    generation_seconds: float | None = None
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
