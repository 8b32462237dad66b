"""When a doubt ends, and as what: absence, patience, the job's own policy, its deadline.

A doubt is a call of which nobody knows whether it ran. The provider's history may tell
(`jobs/matching.py`); what it does not tell is decided here, and never guessed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from jobs.retry import Decision
from jobs.states import State


class OnDoubt(StrEnum):
    """What the job's owner wants where nobody can tell whether its call was paid."""

    HOLD = "hold"
    """It stays in doubt until somebody knows or decides."""
    RETRY = "retry"
    """It is sent again, and may be paid twice; while attempts are left."""
    FAIL = "fail"
    """It fails, and may have been paid."""


class DoubtEnd(StrEnum):
    """Who ended a doubt, and how. Kept with the attempt, and counted."""

    RECEIPT = "receipt"
    """What its worker had kept, or its worker itself, told after all how the call ended."""
    RECOVERED = "recovered"
    """The history has the call, with its output."""
    FAILED_UPSTREAM = "failed_upstream"
    """The history has the call, and it failed: nothing was charged."""
    ABSENT = "absent"
    """The history has no such call: it is sent again."""
    POLICY_RETRY = "policy_retry"
    POLICY_FAIL = "policy_fail"
    DEADLINE = "deadline"
    """The job's `doubt_deadline` passed."""
    OPERATOR_RETRY = "operator_retry"
    OPERATOR_FAILED = "operator_failed"
    OPERATOR_SUCCEEDED = "operator_succeeded"


SENT_AGAIN = frozenset({DoubtEnd.ABSENT, DoubtEnd.POLICY_RETRY, DoubtEnd.OPERATOR_RETRY})
"""The only ways to a second call for one that may have been paid: each is counted and shown."""
FOR_WANT_OF_WORD = frozenset(
    {DoubtEnd.ABSENT, DoubtEnd.POLICY_RETRY, DoubtEnd.POLICY_FAIL, DoubtEnd.DEADLINE}
)
"""Ends for which nothing may have become known meanwhile."""


@dataclass(frozen=True)
class DoubtTiming:
    """How long reconciliation waits for what."""

    patience: timedelta = timedelta(minutes=30)
    """From the doubt's beginning until the job's policy decides."""
    absent_after: timedelta = timedelta(minutes=10)
    """From the attempt's deadline until its call may be called absent."""
    between_passes: timedelta = timedelta(seconds=60)
    """Between the two full passes through the history that must both lack it."""
    look_every: timedelta = timedelta(seconds=10)
    """Between two looks at the history, to begin with."""


USUAL_TIMING = DoubtTiming()
_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Pass:
    """A full ascending pass through the history: when it began, and whether it lists a call of the
    account that was sent later than the one in doubt and has settled.
    """

    began_at: datetime
    lists_a_later_call: bool


@dataclass(frozen=True)
class Lacking:
    """What a pass that lacks the call comes to: `absent`, or since when it counts as missed."""

    absent: bool
    missed_at: datetime | None


def lacking(
    found: Pass, *, deadline_at: datetime, missed_at: datetime | None, timing: DoubtTiming
) -> Lacking:
    """Judge a pass that lacks the call. `missed_at`: the first that lacked it and counted.

    Absent takes two passes, apart, both after the attempt's deadline and more, and both with a
    later call: a history that lags shows neither.
    """
    counts = found.lists_a_later_call and found.began_at >= deadline_at + timing.absent_after
    if not counts:
        return Lacking(absent=False, missed_at=missed_at)
    if missed_at is None:
        return Lacking(absent=False, missed_at=found.began_at)
    return Lacking(found.began_at - missed_at >= timing.between_passes, missed_at)


def next_look(age: timedelta, timing: DoubtTiming) -> timedelta:
    """How long to wait before the next look, `age` after the doubt began: a quarter of it, within
    bounds.
    """
    return max(timing.look_every, min(age / 4, _LONGEST_WAIT))


@dataclass(frozen=True)
class PolicyEnd:
    """What the job's owner wanted for this case."""

    decision: Decision
    as_: DoubtEnd


def by_policy(
    on_doubt: OnDoubt,
    *,
    age: timedelta,
    deadline_passed: bool,
    attempts_left: bool,
    timing: DoubtTiming,
) -> PolicyEnd | None:
    """How a doubt that nothing has ended ends by itself; None: it does not.

    `age`: since it began. The deadline wins over every policy: the owner waits no longer.
    """
    failed = Decision(State.FAILED, spends_attempt=True)
    if deadline_passed:
        return PolicyEnd(failed, DoubtEnd.DEADLINE)
    if on_doubt is OnDoubt.HOLD or age < timing.patience:
        return None
    if on_doubt is OnDoubt.RETRY and attempts_left:
        return PolicyEnd(Decision(State.QUEUED, spends_attempt=True), DoubtEnd.POLICY_RETRY)
    return PolicyEnd(failed, DoubtEnd.POLICY_FAIL)
