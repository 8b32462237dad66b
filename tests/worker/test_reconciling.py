"""Doubts, ended with what a real server's history tells, or with what it does not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from db.job_changes import JobChanges
from db.rows import Job, Terms
from jobs.doubts import DoubtEnd, OnDoubt
from jobs.states import State
from tests.sandbox.sandbox_process import KEY, PHOTOGRAPH, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import AT_ONCE, lose_answer, lose_worker, succeed_later
from tests.worker.one_account import only
from tests.worker.upkeep_turns import attempt, long_ago, look_now, until
from upstream.images import look_at
from upstream.replies import Image
from worker.calling import sent_inputs
from worker.keeping import keep_images
from worker.parts import Parts
from worker.run import run_ticket
from worker.settings import Settings
from worker.sweeper import sweep


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, doubts=AT_ONCE)


@pytest.fixture
def state(parts: Parts, tenant: UUID) -> Callable[[Job], State]:
    return lambda job: parts.jobs.get(tenant, job.id).state


def test_a_call_whose_answer_was_lost_is_found_with_its_image_and_its_cost(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    sandbox.change(teammates_rpm=6_000)
    job = submit(seed=42)
    lose_answer(parts, sandbox)
    assert parts.jobs.get(tenant, job.id).state is State.IN_DOUBT
    assert look_now(parts) == {"ended": 1}
    done = parts.jobs.get(tenant, job.id)
    assert (done.state, done.cost, done.attempts, done.seed) == (State.SUCCEEDED, 60_000_000, 1, 42)
    assert len(parts.artifacts.get(done.outputs[0].artifact)) == done.outputs[0].bytes
    kept = attempt(parts, job)
    assert kept["doubt_ended"] == DoubtEnd.RECOVERED
    assert kept["request_id"] == sandbox.ledger()[0]["id"]
    assert (kept["cost_known"], kept["next_look_at"]) == (True, None)
    assert len(sandbox.ledger()) == 1


def test_all_outputs_of_a_call_are_found(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit(samples=3)
    lose_answer(parts, sandbox)
    look_now(parts)
    done = parts.jobs.get(tenant, job.id)
    assert (len(done.outputs), done.cost) == (3, 180_000_000)
    assert len({one.sha256 for one in done.outputs}) == 3


def test_a_call_that_failed_is_tried_again_and_cost_nothing(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit()
    inputs = lose_worker(parts)
    sandbox.faults({"effect": {"kind": "fails", "error": "out of memory"}})
    assert sandbox.call(**inputs).status_code == 500
    assert look_now(parts) == {"ended": 1}
    found = parts.jobs.get(tenant, job.id)
    assert (found.state, found.cost, found.attempts) == (State.SCHEDULED, 0, 1)
    assert attempt(parts, job)["doubt_ended"] == DoubtEnd.FAILED_UPSTREAM


def test_a_call_that_runs_still_is_waited_for(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    sandbox.change(latency={"median": 1.0, "sigma": 0})
    job = submit()
    inputs = lose_worker(parts)
    # Only v2 answers before the call has ended; the history shows both alike.
    sent = sandbox.http.post("/v2/ssd-canny", json=inputs, headers={"x-api-key": KEY})
    assert sent.status_code == 200
    assert look_now(parts) == {"goes on": 1}
    assert "has not ended" in attempt(parts, job)["looked"]
    until(lambda: look_now(parts), lambda: state(job) is State.SUCCEEDED)


def test_a_call_that_was_never_made_is_absent_after_two_passes_that_have_a_later_one(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit()
    lose_worker(parts)
    assert look_now(parts) == {"goes on": 1}
    assert "may lag behind" in attempt(parts, job)["looked"]
    # Later by more than the time in which a claimed call may still leave.
    long_ago(parts, job, timedelta(seconds=10))
    succeed_later(parts, submit)
    assert look_now(parts) == {"goes on": 1}
    assert "counts from" in attempt(parts, job)["looked"]
    long_ago(parts, job, timedelta(minutes=15))
    assert look_now(parts) == {"goes on": 1}
    assert "once more" in attempt(parts, job)["looked"]
    with capture_logs() as told:
        assert look_now(parts) == {"absent": 1}
    assert [one["ended"] for one in told if one["event"] == "doubt_ended"] == [DoubtEnd.ABSENT]
    found = parts.jobs.get(tenant, job.id)
    assert (found.state, found.attempts, found.cost) == (State.QUEUED, 0, 0)
    assert run_ticket(parts).outcome == "succeeded"
    assert len(sandbox.ledger()) == 2


def test_a_history_that_lags_or_shows_other_inputs_makes_nothing_absent(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    job = submit()
    sandbox.change(history_missing=1)
    lose_answer(parts, sandbox)
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    for _ in range(3):
        assert look_now(parts) == {"goes on": 1}
    assert "may lag behind" in attempt(parts, job)["looked"]
    assert state(job) is State.IN_DOUBT


def test_a_history_that_cannot_be_read_makes_nothing_absent(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    job = submit()
    lose_worker(parts)
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    broken = {"kind": "status", "status": 500, "error": "broken"}
    sandbox.faults({"match": {"path": "/inference-request/*"}, "count": 2, "effect": broken})
    for _ in range(2):
        assert look_now(parts) == {"goes on": 1}
        assert "cannot be read" in attempt(parts, job)["looked"]
    assert attempt(parts, job)["missed_at"] is None


def test_a_row_that_appears_after_all_is_told_and_booked(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit()
    inputs = lose_worker(parts)
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    look_now(parts)
    assert look_now(parts) == {"absent": 1}
    assert sandbox.call(**inputs).status_code == 200
    with capture_logs() as told:
        assert look_now(parts) == {"ended": 1}
    assert "paid_after_all" in {one["event"] for one in told}
    found = parts.jobs.get(tenant, job.id)
    assert (found.state, found.cost) == (State.QUEUED, 60_000_000)
    assert attempt(parts, job)["cost_known"] is True


@pytest.mark.parametrize(
    ("policy", "becomes", "ended"),
    [
        (OnDoubt.HOLD, State.IN_DOUBT, None),
        (OnDoubt.FAIL, State.FAILED, DoubtEnd.POLICY_FAIL),
        (OnDoubt.RETRY, State.QUEUED, DoubtEnd.POLICY_RETRY),
    ],
)
def test_what_nobody_can_tell_ends_as_its_owner_said(
    parts: Parts, submit: Submit, tenant: UUID, policy: OnDoubt, becomes: State, ended: object
) -> None:
    job = submit({"on_doubt": policy})
    lose_worker(parts)
    assert look_now(parts) == {"goes on": 1}
    long_ago(parts, job, timedelta(minutes=31))
    look_now(parts)
    found, kept = parts.jobs.get(tenant, job.id), attempt(parts, job)
    assert (found.state, kept["doubt_ended"]) == (becomes, ended)
    # It may have been paid: it counts as if it was, until the history tells.
    assert found.cost == (0 if ended is None else job.estimate)
    assert kept["cost_known"] is not True


def test_a_deadline_ends_a_doubt_that_is_held(parts: Parts, submit: Submit, tenant: UUID) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    job = submit({"doubt_deadline": soon})
    lose_worker(parts)
    assert look_now(parts) == {"goes on": 1}
    until(lambda: look_now(parts), lambda: parts.jobs.get(tenant, job.id).state is State.FAILED)
    error = parts.jobs.get(tenant, job.id).error
    assert error is not None
    assert "doubt_deadline" in error["message"]


def test_the_image_that_the_history_leaves_out_is_no_riddle_where_the_seed_is_ours(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    sandbox.change(history_image="left_out")
    job = submit()
    lose_answer(parts, sandbox)
    look_now(parts)
    assert state(job) is State.SUCCEEDED


def test_two_calls_that_the_history_cannot_tell_apart_are_held(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    sandbox.change(history_image="left_out")
    jobs = [submit(seed=7, image=f"https://example.org/{n}.png") for n in range(2)]
    for _ in jobs:
        lose_answer(parts, sandbox)
    assert look_now(parts) == {"goes on": 2}
    assert {state(job) for job in jobs} == {State.IN_DOUBT}
    assert "more than one call" in attempt(parts, jobs[0])["looked"]


def test_equal_calls_share_equal_rows(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    jobs = [submit(seed=7) for _ in range(3)]
    assert run_ticket(parts).outcome == "succeeded"
    for _ in range(2):
        lose_answer(parts, sandbox)
    look_now(parts)
    assert {state(job) for job in jobs} == {State.SUCCEEDED}
    ids = {attempt(parts, job)["request_id"] for job in jobs}
    assert ids == {row["id"] for row in sandbox.ledger()}


def test_ids_of_v1_that_are_not_the_historys_do_not_double_a_row(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, state: Callable[[Job], State]
) -> None:
    """A call that is settled under an id of its own has had its row all the same."""
    sandbox.change(history_ids="other")
    jobs = [submit(seed=7) for _ in range(2)]
    assert run_ticket(parts).outcome == "succeeded"
    lose_worker(parts)
    assert look_now(parts) == {"goes on": 1}
    assert {state(job) for job in jobs} == {State.SUCCEEDED, State.IN_DOUBT}


def test_a_cost_that_was_only_believed_is_found_out(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    """The worker died between the image and its receipt: what it cost is in the history."""
    image = look_at(PHOTOGRAPH)
    assert isinstance(image, Image)
    job = submit()
    claims = parts.runs.claim(parts.pool, only(parts).id, terms=Terms(timedelta()))
    assert isinstance(claims, list)
    inputs = sent_inputs(parts.inputs, parts.artifacts, claims[0].job, claims[0].seed)
    assert sandbox.call(**inputs).status_code == 200
    keep_images(parts.artifacts, (image,), tenant=tenant, job=job.id, number=1)
    assert sweep(parts) == {"settled": 1}
    assert attempt(parts, job)["cost_known"] is False
    assert look_now(parts) == {"ended": 1}
    kept = attempt(parts, job)
    assert (kept["cost_known"], kept["cost"], kept["outcome"]) == (True, 60_000_000, "succeeded")
    assert kept["request_id"] == sandbox.ledger()[0]["id"]
    assert parts.jobs.get(tenant, job.id).cost == 60_000_000


def test_an_image_that_is_not_wanted_any_more_is_dropped_and_paid_for(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit()
    lose_answer(parts, sandbox)
    JobChanges(parts.database).cancel(tenant, job.id)
    with parts.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET cancel_drops = true")
    look_now(parts)
    done = parts.jobs.get(tenant, job.id)
    assert (done.state, done.outputs, done.cost) == (State.CANCELED, (), 60_000_000)
    folder = f"outputs/{tenant}/{job.id.hex[-2:]}"
    assert list(parts.artifacts.list(folder)) == []
