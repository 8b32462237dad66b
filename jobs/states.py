"""The states of a job, who moves it between them, and when."""

from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a job is. `docs/job-lifecycle.md` draws the same moves and is tested against `MOVES`."""

    SCHEDULED = "scheduled"
    """Waits for its `run_at`, asked for by the caller or set by backoff. Upkeep moves it when due."""
    QUEUED = "queued"
    """May run now. A worker with a permit claims it; a client may change or cancel it."""
    RUNNING = "running"
    """Claimed: an attempt with a lease and a fencing number exists. Its worker settles it."""
    IN_DOUBT = "in_doubt"
    """The call may or may not have been paid. Not final: whoever knows how it ended ends it."""
    SUCCEEDED = "succeeded"
    """Its outputs are kept. Final, for good."""
    FAILED = "failed"
    """It has a reason instead of outputs. Final, until a client asks for a retry."""
    CANCELED = "canceled"
    """A client asked for it. A call that had left was let finish and its cost is booked. Final,
    until a client asks for a retry; for good when its call brought outputs all the same."""
    EXPIRED = "expired"
    """Its `start_by` passed unstarted, or its `finish_by` passed while it waited or would have
    passed before the next try. Final, until a client asks for a retry."""


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED, State.EXPIRED})
"""The states that nothing leaves by itself."""
WAITING = frozenset({State.SCHEDULED, State.QUEUED})
"""The states in which nothing of the next attempt has left, so that a client may change the job."""

MOVES = MappingProxyType(
    {
        State.SCHEDULED: frozenset({State.QUEUED, State.CANCELED, State.EXPIRED}),
        State.QUEUED: frozenset({State.RUNNING, State.CANCELED, State.EXPIRED}),
        State.RUNNING: frozenset(
            {
                State.SUCCEEDED,
                State.FAILED,
                State.CANCELED,
                State.EXPIRED,
                State.SCHEDULED,
                State.QUEUED,
                State.IN_DOUBT,
            }
        ),
        # A receipt, or its worker, which could not reach SQL before its lease ran out.
        State.IN_DOUBT: frozenset(
            {
                State.SUCCEEDED,
                State.FAILED,
                State.CANCELED,
                State.EXPIRED,
                State.SCHEDULED,
                State.QUEUED,
            }
        ),
        State.SUCCEEDED: frozenset[State](),
        # A client's retry, whenever it asks; it also moves `scheduled` to `queued` before its time.
        State.FAILED: frozenset({State.QUEUED}),
        State.CANCELED: frozenset({State.QUEUED}),
        State.EXPIRED: frozenset({State.QUEUED}),
    }
)
"""The only legal moves. Every SQL write of a state is conditional on the state that it leaves."""


class WaitingFor(StrEnum):
    """What a queued job waits for, as the API tells it."""

    RATE_LIMIT = "rate_limit"
    CREDITS = "credits"
    PAUSED = "paused"
    BUDGET = "budget"
    SLOT = "slot"
    CIRCUIT_BREAKER = "circuit_breaker"
    """Segmind's calls fail one after the other: none is tried for a while."""


class Priority(StrEnum):
    """Orders one tenant's own work; it says nothing between tenants."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 goes first."""
        return _RANKS[self]


_RANKS = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}
