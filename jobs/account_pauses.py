"""When an account pauses after a failure, for which calls, why, and until when."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from jobs.failures import Failure, FailureKind


class PauseReason(StrEnum):
    """Why no call leaves an account, or none for one of its models."""

    RATE_LIMIT = "rate_limit"
    CREDITS = "credits"
    SPEND_LIMIT = "spend_limit"
    KEY_REFUSED = "key_refused"
    FORBIDDEN = "forbidden"
    """Of one model only; an operator ends it."""
    OPERATOR = "operator"
    """Somebody has stopped it by hand; nobody else ends it."""
    KEY_UNUSABLE = "key_unusable"
    """Its key cannot be read, so nobody can call with it."""


WORDS = MappingProxyType(
    {
        PauseReason.RATE_LIMIT: "Segmind's rate limit is used up; calls go on when it resets",
        PauseReason.CREDITS: "the Segmind account's balance is too small; top it up: the balance is "
        "read every SEGQ_PROBE_SECONDS (30 by default), then calls go on by themselves",
        PauseReason.SPEND_LIMIT: "the Segmind team's spend limit is reached; raise it: it is tried "
        "again every SEGQ_PROBE_SECONDS (30 by default)",
        PauseReason.KEY_REFUSED: "Segmind refuses the account's key (401), the jobs are kept: start "
        "again with a valid SEGMIND_API_KEY, or replace it by `segq account add NAME --replace`",
        PauseReason.FORBIDDEN: "Segmind does not allow this account the model (403); its jobs are "
        "kept and other models go on: once it is allowed, run `segq account resume MODEL`",
        PauseReason.OPERATOR: "an operator has stopped it; submits go on and no call leaves until "
        "`segq account resume`",
        PauseReason.KEY_UNUSABLE: "its key cannot be read by the workers; it goes on within seconds of "
        "when it can",
    }
)
"""What a pause means and what to do, in words for whoever waits."""


@dataclass(frozen=True)
class Pause:
    """`until` None: until a probe, or for a `model` an operator, finds the cause gone."""

    reason: PauseReason
    until: datetime | None
    model: str | None = None
    """The one model that pauses; None: the whole account."""
    said: str = ""
    """What Segmind said, for whoever is to do something about it."""
    lasts: timedelta | None = field(default=None, compare=False)
    """How far off `until` is, by the clock that it is of. What counts for whoever has another: the
    clocks of workers and of the database may be apart by more than a window."""


@dataclass(frozen=True)
class ResetBounds:
    """How long a rate limit may pause an account, where its answer says nothing or nonsense."""

    guessed: timedelta = timedelta(seconds=30)
    """Where a 429 does not say when it ends, or says what cannot be: half of the usual window."""
    longest: timedelta = timedelta(seconds=120)
    """A window is a minute (segmind-api §6): a reset further off than two of them is a slip."""


USUAL_RESETS = ResetBounds()

_UNTIL_PROBED = {
    FailureKind.UNAUTHORIZED: PauseReason.KEY_REFUSED,
    FailureKind.INSUFFICIENT_CREDITS: PauseReason.CREDITS,
    FailureKind.SPEND_LIMIT: PauseReason.SPEND_LIMIT,
}


def after(
    failure: Failure, model: str, now: datetime, bounds: ResetBounds = USUAL_RESETS
) -> Pause | None:
    """The pause that a failed call of `model` asks of its account; None when it asks none."""
    limit = rate_limit(failure, now, bounds)
    if limit is not None:
        return limited(now, limit.wait, failure.message)
    if failure.kind is FailureKind.FORBIDDEN:
        return Pause(PauseReason.FORBIDDEN, None, model, failure.message)
    reason = _UNTIL_PROBED.get(failure.kind)
    return Pause(reason, None, said=failure.message) if reason else None


def limited(now: datetime, wait: timedelta, said: str = "") -> Pause:
    """The pause for a rate limit that is used up for so long."""
    return Pause(PauseReason.RATE_LIMIT, now + wait, said=said, lasts=wait)


_ON_ITS_WAY = timedelta(seconds=0.25)
"""A reset that is past by no more has passed while the answer came."""
_SHORTEST = timedelta(seconds=0.05)


@dataclass(frozen=True)
class RateLimit:
    """How long a 429 asks to wait. `stated`: the answer says so; otherwise it is our bound."""

    wait: timedelta
    stated: bool


def rate_limit(
    failure: Failure, now: datetime, bounds: ResetBounds = USUAL_RESETS
) -> RateLimit | None:
    """What a refusal that came at `now` says of its limit; None of another failure."""
    if failure.kind is not FailureKind.RATE_LIMITED:
        return None
    wait = None if failure.resets_at is None else failure.resets_at - now
    if wait is None or wait < -_ON_ITS_WAY:
        return RateLimit(bounds.guessed, stated=False)
    if wait > bounds.longest:
        return RateLimit(bounds.longest, stated=False)
    return RateLimit(max(wait, _SHORTEST), stated=True)


def is_over(claimed_at: datetime | None, last_ended_at: datetime | None) -> bool:
    """Whether a refusal tells of a pause that has ended meanwhile.

    Its job was claimed before the account was found good again: many calls are in flight when an
    account begins to refuse, and the slowest of their answers must not stop it once more. Both are
    moments of the database's clock; nothing is claimed while an account pauses.
    """
    return claimed_at is not None and last_ended_at is not None and claimed_at < last_ended_at


_UNREADABLE = "; the balance cannot be read now: "


def with_probe_trouble(said: str, trouble: str | None) -> str:
    """A pause's words with why its probe fails, which then cannot end it; None: it does not."""
    said = said.partition(_UNREADABLE)[0]
    return f"{said}{_UNREADABLE}{trouble}" if trouble else said
