from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.failures import ADVICE, REACTIONS, Failure, FailureKind, Reaction
from jobs.retry import RETRY, Backoff, Decision, decide
from jobs.states import MOVES, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _most(low: float, high: float) -> float:
    return high


def _decide(kind: FailureKind, *, spent: int = 0, number: int = 1) -> Decision:
    failure = Failure(kind, "why")
    return decide(failure, spent=spent, max_attempts=3, number=number, now=NOW, uniform=_most)


def test_every_kind_has_advice_a_reaction_and_every_reaction_a_legal_move() -> None:
    assert set(REACTIONS) == set(ADVICE) == set(FailureKind)
    for kind in FailureKind:
        assert _decide(kind).state in MOVES[State.RUNNING]


@pytest.mark.parametrize(
    ("kind", "state", "spends"),
    [
        (FailureKind.INVALID_INPUT, State.FAILED, True),
        (FailureKind.RESULT_REJECTED, State.FAILED, True),
        (FailureKind.RATE_LIMITED, State.QUEUED, False),
        (FailureKind.INSUFFICIENT_CREDITS, State.QUEUED, False),
        (FailureKind.UNAUTHORIZED, State.QUEUED, False),
        (FailureKind.NOT_SENT, State.SCHEDULED, False),
        (FailureKind.UPSTREAM_ERROR, State.SCHEDULED, True),
        (FailureKind.GATEWAY_ERROR, State.IN_DOUBT, True),
        (FailureKind.CONNECTION_LOST, State.IN_DOUBT, True),
        (FailureKind.WORKER_LOST, State.IN_DOUBT, True),
        (FailureKind.INFERENCE_FAILED, State.FAILED, True),
        (FailureKind.RECORD_EXPIRED, State.IN_DOUBT, True),
    ],
)
def test_what_follows_each_kind(kind: FailureKind, state: State, spends: bool) -> None:
    decision = _decide(kind)
    assert (decision.state, decision.spends_attempt) == (state, spends)
    assert (decision.run_at is not None) == (state is State.SCHEDULED)


def test_attempts_are_bounded_and_waiting_is_not() -> None:
    assert _decide(FailureKind.UPSTREAM_ERROR, spent=1).state is State.SCHEDULED
    assert _decide(FailureKind.UPSTREAM_ERROR, spent=2).state is State.FAILED
    assert _decide(FailureKind.RATE_LIMITED, spent=99, number=500).state is State.QUEUED
    assert _decide(FailureKind.NOT_SENT, spent=2, number=500).state is State.SCHEDULED


def test_backoff_doubles_up_to_its_cap() -> None:
    waits = [RETRY.delay(tries, _most) / timedelta(seconds=1) for tries in (1, 2, 3, 8, 9, 10_000)]
    assert waits == [2, 4, 8, 256, 300, 300]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_is_full(tries: int, share: float) -> None:
    delay = Backoff().delay(tries, lambda low, high: low + share * (high - low))
    assert timedelta() <= delay <= timedelta(seconds=300)


def test_nothing_that_may_have_been_paid_is_sent_again_by_itself() -> None:
    again = {State.QUEUED, State.SCHEDULED}
    for kind, reaction in REACTIONS.items():
        if reaction is Reaction.DOUBT or kind is FailureKind.RESULT_REJECTED:
            assert _decide(kind).state not in again
