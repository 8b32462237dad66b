from datetime import UTC, datetime, timedelta

import pytest

from jobs.doubts import DoubtEnd, DoubtTiming, OnDoubt, Pass, by_policy, lacking, next_look
from jobs.states import MOVES, State

TIMING = DoubtTiming()
DEADLINE = datetime(2030, 1, 1, tzinfo=UTC)
SURE = DEADLINE + TIMING.absent_after
SECOND = timedelta(seconds=1)
LATER = timedelta(seconds=60)


def lacks(at: datetime, missed_at: datetime | None = None, *, later: bool = True) -> object:
    found = lacking(Pass(at, later), deadline_at=DEADLINE, missed_at=missed_at, timing=TIMING)
    return (found.absent, found.missed_at)


def test_a_call_is_absent_after_two_passes_that_count_and_lie_apart() -> None:
    assert lacks(SURE) == (False, SURE)
    assert lacks(SURE + LATER - SECOND, SURE) == (False, SURE)
    assert lacks(SURE + LATER, SURE) == (True, SURE)


@pytest.mark.parametrize(
    ("at", "later"), [(SURE - SECOND, True), (SURE + LATER, False), (DEADLINE, True)]
)
@pytest.mark.parametrize("missed_at", [None, SURE])
def test_a_pass_too_early_or_without_a_later_call_counts_for_nothing(
    at: datetime, later: bool, missed_at: datetime | None
) -> None:
    assert lacks(at, missed_at, later=later) == (False, missed_at)


def test_looks_come_at_a_quarter_of_the_age_within_bounds() -> None:
    assert next_look(timedelta(), TIMING) == timedelta(seconds=10)
    assert next_look(timedelta(minutes=4), TIMING) == timedelta(minutes=1)
    assert next_look(timedelta(days=3), TIMING) == timedelta(hours=1)


def ends(
    policy: OnDoubt, age: timedelta, *, deadline: bool = False, left: bool = True
) -> tuple[State, DoubtEnd] | None:
    found = by_policy(policy, age=age, deadline_passed=deadline, attempts_left=left, timing=TIMING)
    return None if found is None else (found.decision.state, found.as_)


def test_a_policy_waits_for_its_time() -> None:
    for policy in OnDoubt:
        assert ends(policy, TIMING.patience - SECOND) is None


def test_what_each_policy_makes_of_it() -> None:
    assert ends(OnDoubt.HOLD, timedelta(days=9)) is None
    assert ends(OnDoubt.FAIL, TIMING.patience) == (State.FAILED, DoubtEnd.POLICY_FAIL)
    assert ends(OnDoubt.RETRY, TIMING.patience) == (State.QUEUED, DoubtEnd.POLICY_RETRY)
    # A second call that no attempt is left for would be more than the owner allowed.
    out = ends(OnDoubt.RETRY, TIMING.patience, left=False)
    assert out == (State.FAILED, DoubtEnd.POLICY_FAIL)


@pytest.mark.parametrize("policy", OnDoubt)
def test_a_deadline_ends_every_doubt(policy: OnDoubt) -> None:
    assert ends(policy, timedelta(), deadline=True) == (State.FAILED, DoubtEnd.DEADLINE)


def test_what_a_policy_decides_is_a_legal_move() -> None:
    assert {State.FAILED, State.QUEUED} <= MOVES[State.IN_DOUBT]
