from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from db.rows import Claim, Job, Output, Settlement
from jobs.account_pauses import USUAL_RESETS
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.states import Priority, State
from upstream import Facts, Image, Reply
from worker.conclude import conclude

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(
    id=uuid4(), tenant_id=uuid4(), pool="segmind", model="ssd-canny", input={}, state=State.RUNNING,
    priority=Priority.NORMAL, group="", tags=(), metadata={}, run_at=None, start_by=None,
    finish_by=None, max_attempts=2, attempts=0, number=1, estimate=Money(60), cost=Money(0),
    seed=None, error=None, cancel_requested_at=None, created_at=NOW, started_at=NOW,
    finished_at=None,
)  # fmt: skip
CLAIM = Claim(uuid4(), uuid4(), JOB, seed=7)
IMAGE = Image(b"x", "image/jpeg", 1, 1)
KEPT = (Output(0, "key", "image/jpeg", 1, 1, 1, "ff"),)


def _conclude(result: Any, claim: Claim = CLAIM, **facts: Any) -> Settlement:
    reply = Reply(
        result=result, facts=Facts(**facts), status=200, sent_at=NOW, sent_monotonic=1.0,
        arrived_at=NOW + timedelta(seconds=6), form="raw",
    )  # fmt: skip
    outputs = KEPT if isinstance(result, tuple) else ()
    return conclude(
        claim, reply, outputs, now=NOW, uniform=lambda _, high: high, resets=USUAL_RESETS
    )


def test_an_image_succeeds_and_says_what_came() -> None:
    settlement = _conclude((IMAGE,), cost=Money(55), credits=Money(900), seed=9, request_id="r")
    assert settlement.decision.state is State.SUCCEEDED
    assert (settlement.cost, settlement.cost_known) == (55, True)
    assert (settlement.seed, settlement.request_id, settlement.outputs) == (9, "r", KEPT)
    assert settlement.credits is not None
    assert settlement.credits.credits == 900
    assert settlement.credits.sent_at < settlement.credits.arrived_at
    assert settlement.answered_at == settlement.credits.arrived_at
    assert settlement.answer_form == "raw"


def test_an_answer_that_broke_off_has_not_come_whole() -> None:
    assert _conclude(Failure(FailureKind.CONNECTION_LOST, "why")).answered_at is None
    assert _conclude(Failure(FailureKind.UPSTREAM_ERROR, "why")).answered_at is not None


def test_without_the_providers_figure_the_estimate_stands_and_is_marked() -> None:
    settlement = _conclude((IMAGE,))
    assert (settlement.cost, settlement.cost_known) == (60, False)
    assert settlement.seed == 7


@pytest.mark.parametrize(
    ("kind", "state", "cost"),
    [
        (FailureKind.RESULT_REJECTED, State.FAILED, 60),
        (FailureKind.INVALID_INPUT, State.FAILED, 0),
        (FailureKind.UPSTREAM_ERROR, State.SCHEDULED, 0),
        (FailureKind.RATE_LIMITED, State.QUEUED, 0),
        (FailureKind.CONNECTION_LOST, State.IN_DOUBT, 0),
    ],
)
def test_only_a_200_is_paid(kind: FailureKind, state: State, cost: int) -> None:
    settlement = _conclude(Failure(kind, "why"))
    assert (settlement.decision.state, settlement.cost) == (state, cost)


def test_attempts_are_counted_from_the_claimed_job() -> None:
    last = replace(CLAIM, job=replace(JOB, attempts=1))
    failure = Failure(FailureKind.UPSTREAM_ERROR, "why")
    assert _conclude(failure, last).decision.state is State.FAILED
