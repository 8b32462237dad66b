"""Histories that are odd: none of them may make a call that ran look absent, or lose its images."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from db.rows import Job
from jobs.doubts import DoubtEnd
from jobs.states import State
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import AT_ONCE, CUT, lose_answer, lose_worker, page_of, succeed_later
from tests.worker.upkeep_turns import attempt, change, long_ago, look_now
from worker.parts import Parts
from worker.run import run_ticket
from worker.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, doubts=AT_ONCE)


@pytest.fixture
def state(parts: Parts, tenant: UUID) -> Callable[[Job], State]:
    return lambda job: parts.jobs.get(tenant, job.id).state


def look_until_absent(parts: Parts) -> None:
    """As often as absence takes."""
    for _ in range(3):
        look_now(parts)


def test_an_id_that_is_not_the_historys_hides_no_row(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    """The headers came, the body did not; and v1's id is another than the history's."""
    sandbox.change(history_ids="other")
    job = submit()
    sandbox.faults(CUT)
    run_ticket(parts)
    assert state(job) is State.IN_DOUBT
    assert attempt(parts, job)["request_id"] is not None
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    look_until_absent(parts)
    assert (state(job), attempt(parts, job)["doubt_ended"]) == (
        State.SUCCEEDED,
        DoubtEnd.RECOVERED,
    )
    assert len(sandbox.ledger()) == 2


def test_a_second_call_with_the_callers_seed_is_not_absent_for_the_first(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    """The first was never made, and is known to be absent: the one row is the second's."""
    job = submit(seed=7)
    lose_worker(parts)
    long_ago(parts, job, timedelta(seconds=10))
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    look_until_absent(parts)
    assert (state(job), attempt(parts, job)["doubt_ended"]) == (State.QUEUED, DoubtEnd.ABSENT)
    lose_answer(parts, sandbox)
    assert attempt(parts, job)["number"] == 2
    look_until_absent(parts)
    assert state(job) is State.SUCCEEDED
    assert attempt(parts, job)["doubt_ended"] == DoubtEnd.RECOVERED


def test_a_strangers_odd_seed_breaks_no_look(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    sandbox.change(v2_malformed="accept")
    sandbox.submit(seed=[1])
    job = submit()
    lose_answer(parts, sandbox)
    assert any(isinstance(row["request_body"]["seed"], list) for row in sandbox.rows())
    look_now(parts)
    assert state(job) is State.SUCCEEDED


def test_a_row_that_cannot_be_read_may_be_the_calls(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    job = submit()
    lose_answer(parts, sandbox)
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    first, later = sandbox.rows(sort_order="asc")
    sandbox.faults(page_of({**first, "request_id": None}, later))
    look_until_absent(parts)
    assert state(job) is State.IN_DOUBT


def test_a_row_of_the_calls_seed_with_another_image_may_be_the_calls(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    """A history that keeps images under addresses of its own, and shows others as they came."""
    job = submit()
    lose_answer(parts, sandbox)
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    first, later = sandbox.rows(sort_order="asc")
    moved = {**first["request_body"], "image": "https://images.example.org/kept.png"}
    sandbox.faults(page_of({**first, "request_body": moved}, later))
    look_until_absent(parts)
    assert state(job) is State.IN_DOUBT
    assert "other inputs" in attempt(parts, job)["looked"]


def test_an_earlier_call_with_the_same_inputs_is_no_later_one(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    """What it lists is from before the doubt; the call that came after lags."""
    long_ago(parts, succeed_later(parts, submit, seed=9), timedelta(minutes=1))
    job = submit()
    lose_answer(parts, sandbox)
    succeed_later(parts, submit, seed=9)
    long_ago(parts, job, timedelta(seconds=10))
    earlier, _, _ = sandbox.rows(sort_order="asc")
    sandbox.faults(page_of(earlier))
    change(parts, job, deadline_at=parts.database.after(-timedelta(minutes=20)))
    look_until_absent(parts)
    assert state(job) is State.IN_DOUBT
