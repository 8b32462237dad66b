"""The one retry decision: what becomes of a job whose call brought no image."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.failures import Failure, Reaction
from jobs.states import State

Uniform = Callable[[float, float], float]
"""`random.uniform`, or whatever a test passes in its place."""


@dataclass(frozen=True)
class Backoff:
    """Full jitter: `uniform(0, min(cap, base * 2**n))` seconds before try n+1.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    base: float = 2.0
    cap: float = 300.0

    def delay(self, tries: int, uniform: Uniform) -> timedelta:
        """How long to wait after `tries` (≥ 1) failed ones: between 0 and `cap` seconds."""
        # 2**n of a job that was tried a thousand times would be a needlessly big integer.
        ceiling = min(self.cap, self.base * 2 ** min(tries - 1, 30))
        return timedelta(seconds=uniform(0, ceiling))


RETRY = Backoff()
RESEND = Backoff(base=0.5, cap=30.0)
"""For calls that never left: nothing was asked of Segmind, so the wait is only to be gentle."""


@dataclass(frozen=True)
class Decision:
    """The job's next state; `run_at` when it is `scheduled`."""

    state: State
    spends_attempt: bool
    run_at: datetime | None = None


def decide(
    failure: Failure,
    *,
    spent: int,
    max_attempts: int,
    number: int,
    now: datetime,
    uniform: Uniform,
) -> Decision:
    """Decide what follows a failed attempt.

    `spent` counts the attempts that this job had used up before this one, `number` all of its
    calls with this one (≥ 1); waiting for a limit, credits or a connection spends none.
    """
    match failure.reaction:
        case Reaction.FAIL:
            return Decision(State.FAILED, spends_attempt=True)
        case Reaction.RETRY if spent + 1 < max_attempts:
            run_at = now + RETRY.delay(spent + 1, uniform)
            return Decision(State.SCHEDULED, spends_attempt=True, run_at=run_at)
        case Reaction.RETRY:
            return Decision(State.FAILED, spends_attempt=True)
        case Reaction.KEEP:
            return Decision(State.QUEUED, spends_attempt=False)
        case Reaction.FREE:
            run_at = now + RESEND.delay(number, uniform)
            return Decision(State.SCHEDULED, spends_attempt=False, run_at=run_at)
        case Reaction.DOUBT:
            return Decision(State.IN_DOUBT, spends_attempt=True)
