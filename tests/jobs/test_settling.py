from datetime import UTC, datetime, timedelta

import pytest

from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.settling import error_of, settled
from jobs.states import MOVES, State

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=10)
BROKEN = Failure(FailureKind.UPSTREAM_ERROR, "internal", 500)
DECISIONS = {
    State.SUCCEEDED: Decision(State.SUCCEEDED, spends_attempt=True),
    State.FAILED: Decision(State.FAILED, spends_attempt=True),
    State.QUEUED: Decision(State.QUEUED, spends_attempt=False),
    State.SCHEDULED: Decision(State.SCHEDULED, spends_attempt=True, run_at=LATER),
    State.IN_DOUBT: Decision(State.IN_DOUBT, spends_attempt=True),
}


@pytest.mark.parametrize("decided", DECISIONS)
@pytest.mark.parametrize("finish_by", [None, NOW, LATER, LATER + timedelta(seconds=1)])
@pytest.mark.parametrize("canceled", [False, True])
def test_what_a_running_job_becomes_is_a_legal_move(
    decided: State, finish_by: datetime | None, canceled: bool
) -> None:
    found = settled(
        DECISIONS[decided], BROKEN, leaving=State.RUNNING, canceled=canceled, finish_by=finish_by
    )
    assert found.state in MOVES[State.RUNNING]
    assert (found.run_at is not None) == (found.state is State.SCHEDULED)


@pytest.mark.parametrize(
    ("leaving", "decided", "becomes"),
    [
        (State.RUNNING, State.SUCCEEDED, State.CANCELED),
        (State.RUNNING, State.FAILED, State.CANCELED),
        (State.RUNNING, State.QUEUED, State.CANCELED),
        (State.RUNNING, State.SCHEDULED, State.CANCELED),
        (State.RUNNING, State.IN_DOUBT, State.IN_DOUBT),
        (State.IN_DOUBT, State.SUCCEEDED, State.SUCCEEDED),
        # Found not to have run: what was canceled in the meantime is not sent again.
        (State.IN_DOUBT, State.QUEUED, State.CANCELED),
        (State.IN_DOUBT, State.SCHEDULED, State.CANCELED),
    ],
)
def test_a_cancel_wins_over_all_but_a_doubt(leaving: State, decided: State, becomes: State) -> None:
    found = settled(DECISIONS[decided], None, leaving=leaving, canceled=True, finish_by=None)
    assert found.state is becomes


@pytest.mark.parametrize(
    ("finish_by", "becomes"),
    [
        (None, State.SCHEDULED),
        (LATER + timedelta(microseconds=1), State.SCHEDULED),
        (LATER, State.EXPIRED),
        (NOW, State.EXPIRED),
    ],
)
def test_nobody_waits_for_a_try_that_comes_too_late(
    finish_by: datetime | None, becomes: State
) -> None:
    found = settled(
        DECISIONS[State.SCHEDULED],
        BROKEN,
        leaving=State.RUNNING,
        canceled=False,
        finish_by=finish_by,
    )
    assert found.state is becomes
    expired = {
        "kind": "expired",
        "message": "its finish_by comes before it could be tried again; the last one failed: "
        "internal",
    }
    assert found.error == (expired if becomes is State.EXPIRED else error_of(BROKEN))


def test_a_late_success_counts() -> None:
    found = settled(
        DECISIONS[State.SUCCEEDED], None, leaving=State.RUNNING, canceled=False, finish_by=NOW
    )
    assert (found.state, found.error) == (State.SUCCEEDED, None)


@pytest.mark.parametrize("leaving", [State.RUNNING, State.IN_DOUBT])
def test_an_image_that_nobody_wants_is_dropped_and_the_job_canceled(leaving: State) -> None:
    found = settled(
        DECISIONS[State.SUCCEEDED],
        None,
        leaving=leaving,
        canceled=True,
        drops_image=True,
        finish_by=None,
    )
    assert (found.state, found.keeps_images) == (State.CANCELED, False)


def test_a_wish_about_the_image_without_a_cancel_means_nothing() -> None:
    found = settled(
        DECISIONS[State.SUCCEEDED],
        None,
        leaving=State.RUNNING,
        canceled=False,
        drops_image=True,
        finish_by=None,
    )
    assert (found.state, found.keeps_images) == (State.SUCCEEDED, True)
