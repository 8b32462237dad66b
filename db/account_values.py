"""Upstream accounts as values: what the stores of accounts take and give."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from jobs.account_pauses import Pause, PauseReason, limited
from jobs.catalog import Transport
from jobs.credits import Reading
from jobs.upstream_keys import TAKEN_UP_WITHIN


class KeySource(StrEnum):
    """Where an account's key comes from."""

    ENVIRONMENT = "environment"
    """`SEGMIND_API_KEY` or `SEGMIND_API_KEYS` of the workers."""
    DATABASE = "database"
    """An operator has added it; it is kept encrypted."""


@dataclass(frozen=True)
class Change:
    """Something that an operator does by hand: what, who (an OS user), and why."""

    what: str
    by: str
    why: str = ""


def of_model(what: str, model: str | None) -> str:
    """What a `Change` tells of a model of the account; None: of the account."""
    return what if model is None else f"{what} {model}"


@dataclass(frozen=True)
class Learned:
    """What a limiter believes of its account's limit, in calls a window."""

    belief: int
    good: int
    """What was last known to be good; 0: it was never refused a call."""
    revision: int
    """Counts the changes: a higher one is newer."""


@dataclass(frozen=True)
class Account:
    """An upstream account: what it may do, what is known of its balance, and whether it pauses."""

    id: UUID
    pool: str
    name: str
    call_limit: int
    window_seconds: int
    credits: Reading | None
    paused_for: PauseReason | None
    """Until a probe finds the cause gone."""
    limited_until: datetime | None
    """The end of the last rate limit, past or to come: it holds whatever else pauses and ends."""
    paused_at: datetime | None = None
    """Since when it pauses for `paused_for`."""
    resumed_at: datetime | None = None
    """When its last pause but for rate limits ended."""
    pause_message: str | None = None
    """What Segmind said when it began to pause for `paused_for`."""
    transport: Transport | None = None
    """How its models are called; None: as the catalog says."""
    key_source: KeySource | None = None
    """None: no worker of this version has used it yet."""
    key_fingerprint: str | None = None
    """The end of its key."""
    key_trouble: str | None = None
    """Why its key cannot be used, so that nobody calls with it; None: it can."""
    key_changed_at: datetime | None = None
    """When it came to another key; None: it has its first."""
    removed_at: datetime | None = None
    """Since when no new call leaves it for good."""
    changed: Change | None = None
    """The last change by hand."""
    changed_at: datetime | None = None
    limit_auto: bool = False
    """Whether `call_limit` is only where the search for the limit begins."""
    limit_by_hand: bool = False
    """Whether an operator has set the limit, or that it is to be learned, in the place of
    `SEGMIND_RPM`."""
    learned: Learned | None = None
    window_kind: str | None = None
    """How the provider's window seems to be: `fixed` or `sliding`."""

    def may_be_of_another_key(self, claimed_at: datetime) -> bool:
        """Whether a call that was claimed then may have left with a key that it has no more.

        Nobody can tell whether that was the same Segmind account's: its history may lack the call.
        """
        changed_at = self.key_changed_at
        return changed_at is not None and claimed_at < changed_at + TAKEN_UP_WITHIN

    @property
    def believed_limit(self) -> int:
        """Calls a window, as the limiter keeps to them."""
        return self.learned.belief if self.learned else self.call_limit

    def why_idle(self, now: datetime) -> Pause | None:
        """What keeps calls from leaving at `now`, its key among the reasons."""
        if self.key_trouble is not None:
            return Pause(PauseReason.KEY_UNUSABLE, None, said=self.key_trouble)
        return self.pause(now)

    def pause(self, now: datetime) -> Pause | None:
        """What keeps calls from leaving at `now`."""
        if self.paused_for is not None:
            return Pause(self.paused_for, None, said=self.pause_message or "")
        if self.limited_until is not None and self.limited_until > now:
            return limited(now, self.limited_until - now)
        return None

    def limited_for(self, now: datetime) -> float:
        """Seconds until the rate limit ends; 0 when it has."""
        return max(0.0, (self.limited_until - now).total_seconds()) if self.limited_until else 0.0


@dataclass(frozen=True)
class ModelPause:
    """A model that an account may not call, since when, and what Segmind said."""

    model: str
    reason: PauseReason
    message: str
    since: datetime


@dataclass(frozen=True)
class RecentCall:
    """A call that may still count in the provider's window: how long ago it was claimed."""

    attempt_id: UUID
    age_seconds: float
