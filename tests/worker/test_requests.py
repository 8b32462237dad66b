"""v2: a ticket ends when the request is known, and upkeep asks until it is done."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from db import pending_requests
from db.requests import Accepted
from db.rows import Job
from jobs.catalog import Transport
from jobs.doubts import DoubtEnd
from jobs.failures import FailureKind
from jobs.states import State
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.one_account import only
from tests.worker.upkeep_turns import attempt, change, look_now, poll_now, until
from worker import polling
from worker.parts import Parts
from worker.polling import poll
from worker.run import ACCEPTED, run_ticket
from worker.settings import Settings
from worker.sweeper import sweep


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, transport=Transport.V2)


@pytest.fixture
def ended(parts: Parts, tenant: UUID) -> Callable[[Job], Job]:
    """Ask until nothing of the job is under way."""

    def one(job: Job) -> Job:
        def state() -> State:
            return parts.jobs.get(tenant, job.id).state

        until(lambda: poll_now(parts), lambda: state() is not State.RUNNING)
        return parts.jobs.get(tenant, job.id)

    return one


def test_a_ticket_ends_with_the_request_and_polling_ends_the_job(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, ended: Callable[[Job], Job]
) -> None:
    sandbox.change(latency={"median": 0.3, "sigma": 0})
    job = submit(seed=42)
    result = run_ticket(parts)
    assert (result.outcome, result.job) == (ACCEPTED, str(job.id))
    known = attempt(parts, job)
    assert known["request_id"] == sandbox.ledger()[0]["id"]
    assert known["holder"] is None
    done = ended(job)
    assert (done.state, done.seed, done.attempts) == (State.SUCCEEDED, 42, 1)
    assert len(parts.artifacts.get(done.outputs[0].artifact)) == done.outputs[0].bytes
    (call,) = sandbox.ledger()
    kept = attempt(parts, job)
    assert (call["cost"], kept["cost"], kept["cost_known"]) == ("0.006", 60_000_000, True)
    assert kept["next_poll_at"] is None


def test_an_inference_that_failed_is_an_answer_and_costs_nothing(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, ended: Callable[[Job], Job]
) -> None:
    sandbox.faults(
        {"match": {"prompt": "too odd"}, "effect": {"kind": "fails", "error": "NSFW content"}}
    )
    job = submit(prompt="too odd")
    run_ticket(parts)
    done = ended(job)
    assert done.state is State.FAILED
    assert done.error is not None
    assert (done.error["kind"], done.cost) == (FailureKind.INFERENCE_FAILED, 0)
    assert "NSFW content" in done.error["message"]


def test_a_transient_failure_is_tried_again(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, ended: Callable[[Job], Job]
) -> None:
    sandbox.faults({"effect": {"kind": "fails", "error": "Internal Polling Error"}})
    job = submit()
    run_ticket(parts)
    assert ended(job).state is State.SCHEDULED


def test_a_submission_that_is_refused_ends_like_a_call(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    sandbox.change(credits="0")
    job = submit()
    assert run_ticket(parts).outcome == FailureKind.INSUFFICIENT_CREDITS
    assert parts.jobs.get(tenant, job.id).state is State.QUEUED


def test_a_submission_without_an_answer_is_in_doubt_and_found_in_the_history(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    sandbox.faults({"runs": True, "effect": {"kind": "reset"}})
    job = submit()
    assert run_ticket(parts).outcome == FailureKind.CONNECTION_LOST
    assert parts.jobs.get(tenant, job.id).state is State.IN_DOUBT
    until(lambda: look_now(parts), lambda: parts.jobs.get(tenant, job.id).state is State.SUCCEEDED)
    assert attempt(parts, job)["doubt_ended"] == DoubtEnd.RECOVERED
    assert len(sandbox.ledger()) == 1


def test_a_limit_on_questions_delays_them_and_nothing_else(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit()
    run_ticket(parts)
    limited = {"kind": "status", "status": 429, "error": "Rate limit exceeded"}
    sandbox.faults({"match": {"path": "/v2/requests/*"}, "effect": limited})
    assert poll_now(parts) == {FailureKind.RATE_LIMITED: 1}
    assert parts.accounts.get(only(parts).id).limited_until is None
    assert parts.jobs.get(tenant, job.id).state is State.RUNNING
    assert poll(parts) == {}


def test_a_record_that_has_expired_is_a_doubt_that_the_history_ends(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    sandbox.change(record_seconds=0.2)
    job = submit()
    run_ticket(parts)
    time.sleep(1)
    assert poll_now(parts) == {FailureKind.RECORD_EXPIRED: 1}
    assert parts.jobs.get(tenant, job.id).state is State.IN_DOUBT
    until(lambda: look_now(parts), lambda: parts.jobs.get(tenant, job.id).state is State.SUCCEEDED)
    assert len(sandbox.ledger()) == 1


def test_an_output_that_cannot_be_fetched_now_is_fetched_later(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess, ended: Callable[[Job], Job]
) -> None:
    job = submit()
    run_ticket(parts)
    away = {"kind": "status", "status": 503, "error": "away"}
    sandbox.faults({"match": {"path": "/outputs/*"}, "count": 1, "effect": away})
    with capture_logs() as told:
        assert ended(job).state is State.SUCCEEDED
    assert "output_delayed" in {one["event"] for one in told}


def test_two_upkeeps_do_not_ask_for_the_same(parts: Parts, submit: Submit) -> None:
    jobs = [submit() for _ in range(3)]
    for _ in jobs:
        run_ticket(parts)
    for job in jobs:
        change(parts, job, next_poll_at=parts.database.now)
    hold = timedelta(minutes=1)
    assert len(parts.requests.take_due(2, hold)) == 2
    assert len(parts.requests.take_due(2, hold)) == 1
    assert parts.requests.take_due(2, hold) == []


def test_an_id_that_sql_could_not_take_is_kept_and_written_by_the_sweeper(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess, ended: Callable[[Job], Job]
) -> None:
    job = submit()
    run_ticket(parts)
    known = attempt(parts, job)
    # As if SQL had been away just then.
    change(parts, job, request_id=None, next_poll_at=None, sent_at=None)
    request = str(known["request_id"])
    sent_at = known["sent_at"]
    assert isinstance(known["id"], UUID)
    kept = Accepted(known["id"], job.id, request, sent_at, poll_after=0)
    key = pending_requests.write(parts.artifacts, kept)
    assert pending_requests.read(parts.artifacts, key) == kept
    assert sweep(parts) == {"requests": 1}
    assert pending_requests.pending(parts.artifacts) == []
    assert ended(job).state is State.SUCCEEDED
    assert len(sandbox.ledger()) == 1


def test_results_that_soon_cannot_be_fetched_are_told(parts: Parts, submit: Submit) -> None:
    job = submit()
    run_ticket(parts)
    assert polling.tell_expiring(parts) == 0
    change(parts, job, sent_at=parts.database.after(-timedelta(minutes=51)))
    with capture_logs() as told:
        assert polling.tell_expiring(parts) == 1
    assert told[0]["event"] == "results_expire"
