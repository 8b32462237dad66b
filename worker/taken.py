"""What a slot comes through the turnstile with."""

from dataclasses import dataclass
from enum import StrEnum

from db.rows import Claim


@dataclass(frozen=True)
class Taken:
    """A claimed job and its permit. Times are `time.monotonic` seconds."""

    claim: Claim
    permit: str
    opened_at: float
    """The earliest moment at which the permit may have opened: from before it was asked for."""
    not_before: float
    """The latest: from after it was granted."""
    claimed_at: float
    """From before the claim: a process that was stopped right after its commit must know it."""


class NoJob(StrEnum):
    """Why a ticket ends without a job."""

    NO_JOB = "no job waits"
    WAITED = "waited for a permit"
    STOPPING = "the worker stops"
    UNAVAILABLE = "Redis or SQL does not answer"
