"""When an account pauses after a failure, why, and until when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from jobs.failures import Failure, FailureKind


class PauseReason(StrEnum):
    """Why no call leaves an account."""

    RATE_LIMIT = "rate_limit"
    CREDITS = "credits"
    SPEND_LIMIT = "spend_limit"
    KEY_REFUSED = "key_refused"
    FORBIDDEN = "forbidden"


WORDS = MappingProxyType(
    {
        PauseReason.RATE_LIMIT: "Segmind's rate limit is used up; calls go on when it resets",
        PauseReason.CREDITS: "the Segmind account's balance is too small; calls go on within half "
        "a minute of a top-up",
        PauseReason.SPEND_LIMIT: "the Segmind team's spend limit is reached; it is tried again "
        "every half minute",
        PauseReason.KEY_REFUSED: "Segmind refuses the key in SEGMIND_API_KEY (401); start again "
        "with a valid one, the jobs are kept",
        PauseReason.FORBIDDEN: "Segmind does not allow this account the model (403); it is tried "
        "again every half minute",
    }
)
"""What a pause means and what to do, in words for whoever waits."""


@dataclass(frozen=True)
class Pause:
    """`until` None: until a probe finds the cause gone."""

    reason: PauseReason
    until: datetime | None


GUESSED_RESET = timedelta(seconds=30)
"""Where a 429 does not say when it ends, or says what cannot be: half of the usual window."""
LONGEST_RESET = timedelta(seconds=120)
"""A window is a minute (segmind-api §6); a reset further off than a window and a minute is a slip."""

PROBE_EVERY = timedelta(seconds=30)
"""How often the free credits endpoint is asked whether a pause without an end is over."""

_UNTIL_PROBED = {
    FailureKind.UNAUTHORIZED: PauseReason.KEY_REFUSED,
    FailureKind.FORBIDDEN: PauseReason.FORBIDDEN,
    FailureKind.INSUFFICIENT_CREDITS: PauseReason.CREDITS,
    FailureKind.SPEND_LIMIT: PauseReason.SPEND_LIMIT,
}


def after(failure: Failure, now: datetime) -> Pause | None:
    """The pause that a failure asks of its account; None when it asks none."""
    if failure.kind is FailureKind.RATE_LIMITED:
        return Pause(PauseReason.RATE_LIMIT, _bounded(failure.resets_at, now))
    reason = _UNTIL_PROBED.get(failure.kind)
    return Pause(reason, None) if reason else None


def _bounded(told: datetime | None, now: datetime) -> datetime:
    if told is None or told <= now:
        return now + GUESSED_RESET
    return min(told, now + LONGEST_RESET)
