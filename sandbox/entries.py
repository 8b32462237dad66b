"""One call that started: what the history and, over v2, the request's own record show of it."""

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from sandbox.ledger import Row

Status = Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]


@dataclass(slots=True)
class Entry:
    """A call from its start. Every change of ``status`` is one of the methods' below.

    id: its ``request_id``. row: its ledger row, which has what was asked and what was charged.
    serial: its place in the order of all starts.
    created, updated: epoch seconds by the provider's clock. submitted, appears: seconds of the
    steady clock; ``appears`` is when the history begins to show it, infinity = never. own: False
    for a teammate's. queue_seconds, inference_seconds: None until it is known. remaining: the
    balance after it, USD.
    """

    id: str
    row: Row
    serial: int
    created: float
    appears: float
    submitted: float
    own: bool = True
    status: Status = "QUEUED"
    updated: float = 0.0
    outputs: tuple[str, ...] = ()
    error: str | None = None
    queue_seconds: float | None = None
    inference_seconds: float | None = None
    remaining: Decimal | None = None

    @property
    def places(self) -> int:
        """In how many rows of the history it stands: one for each output."""
        return len(self.outputs) or 1

    @property
    def cost(self) -> Decimal:
        """USD; 0 unless it is COMPLETED."""
        return self.row.cost if self.status == "COMPLETED" else Decimal(0)

    @property
    def seconds(self) -> float | None:
        """From its start to its end; None before that."""
        if self.inference_seconds is None:
            return None
        return (self.queue_seconds or 0.0) + self.inference_seconds

    def process(self) -> None:
        """It leaves the queue."""
        self.queue_seconds = time.monotonic() - self.submitted
        self._becomes("PROCESSING")

    def complete(self, outputs: tuple[str, ...]) -> None:
        """It made ``outputs``."""
        self.outputs = outputs
        self._end("COMPLETED")

    def fail(self, error: str) -> None:
        """It made nothing."""
        self.error = error
        self._end("FAILED")

    def _end(self, status: Status) -> None:
        self.inference_seconds = time.monotonic() - self.submitted - (self.queue_seconds or 0.0)
        self._becomes(status)

    def _becomes(self, status: Status) -> None:
        self.status = status
        self.updated = self.created + time.monotonic() - self.submitted
