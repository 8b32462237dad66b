"""A worker's parts while their account pauses, and the turns of upkeep that end a pause."""

from collections.abc import Iterator

import pytest
from celery import Celery
from structlog.testing import capture_logs

from cli.ports import free_port
from db.rows import Job, NewJob
from db.tenants import TenantStore
from jobs import catalog
from jobs.account_pauses import Pause, PauseReason
from jobs.catalog.inputs import check
from jobs.failures import FailureKind
from jobs.states import State
from jobs.wire import ticket_queue
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.worker.one_account import calling_with, only
from upstream import Endpoints, Segmind
from worker.celery_settings import celery_settings
from worker.parts import Parts
from worker.run import run_ticket
from worker.taken import NoJob
from worker.upkeep import probe, top_up

INPUTS = {
    "ssd-canny": {"image": "https://example.org/a.png", "prompt": "a fox"},
    "ssd-1b": {"prompt": "a fox"},
}


@pytest.fixture
def app(valkey: str, parts: Parts) -> Iterator[Celery]:
    found = Celery("tickets", set_as_current=False)
    found.conf.update(celery_settings(valkey, parts.pool))
    yield found
    found.close()


def _submit(parts: Parts, model: str = "ssd-canny") -> Job:
    tenant = TenantStore(parts.database).ensure("default")
    checked = check(catalog.model(model), INPUTS[model])
    price = catalog.model(model).price(checked)
    return parts.jobs.add(NewJob(tenant, parts.pool, model, checked, price))


def _state(parts: Parts, job: Job) -> tuple[State, int]:
    found = parts.jobs.get(job.tenant_id, job.id)
    return found.state, found.attempts


def test_a_probe_ends_a_pause_when_the_money_is_there_and_not_before(
    parts: Parts, sandbox: SandboxProcess
) -> None:
    sandbox.change(credits="0")
    job = _submit(parts)
    assert run_ticket(parts).outcome == FailureKind.INSUFFICIENT_CREDITS
    paused = parts.accounts.get(only(parts).id)
    assert (paused.paused_for, paused.pause_message) == ("credits", "Insufficient credits")
    assert probe(parts, only(parts)) == "read"
    sandbox.change(credits="0.005")  # a call costs 0.006
    assert probe(parts, only(parts)) == "read"
    assert parts.accounts.get(only(parts).id).paused_at == paused.paused_at
    sandbox.change(credits="0.006")
    assert probe(parts, only(parts)) == "resumed"
    assert run_ticket(parts).outcome == State.SUCCEEDED
    assert _state(parts, job) == (State.SUCCEEDED, 1)


def test_a_pause_that_its_probe_cannot_end_says_so_once(
    parts: Parts,
) -> None:
    parts.accounts.pause(only(parts).id, Pause(PauseReason.CREDITS, None, said="no credits"))
    nowhere = Endpoints.from_base_url(f"http://127.0.0.1:{free_port()}")
    cut_off = calling_with(parts, Segmind(KEY, nowhere, connections=1, deadline=5))
    with capture_logs() as told:
        for _ in range(3):
            assert probe(cut_off, only(cut_off)) == "failed: not_sent"
    said = parts.accounts.get(only(parts).id).pause_message
    assert said is not None
    assert said.startswith("no credits; the balance cannot be read now: ")
    assert "refused" in said
    assert [one["event"] for one in told] == ["probe_fails"]
    assert probe(parts, only(parts)) == "resumed"
    cut_off.upstream.close()


def test_a_pause_that_a_slot_tells_the_limiter_too_late_ends_by_itself(parts: Parts) -> None:
    """The slot saw the pause, the probe ended it, and only then the slot told the limiter."""
    from worker.parts import PAUSE_STEP

    assert PAUSE_STEP <= 2
    only(parts).limiter.pause(PAUSE_STEP)
    wait = only(parts).limiter.ask(["one"], holds=0).wait
    assert 0 < wait <= PAUSE_STEP


def test_upkeep_holds_a_forbidden_model_and_brings_it_back_with_tickets(
    parts: Parts, app: Celery
) -> None:
    kept = [_submit(parts) for _ in range(3)]
    other = _submit(parts, "ssd-1b")
    parts.accounts.pause(
        only(parts).id, Pause(PauseReason.FORBIDDEN, None, "ssd-canny", "not in your plan")
    )
    assert top_up(parts, app)["held"] == 3
    assert run_ticket(parts).job == str(other.id)
    assert run_ticket(parts).outcome == NoJob.NO_JOB
    assert top_up(parts, app)["held"] == 0
    assert parts.redis.llen(ticket_queue(parts.pool)) == 0

    assert parts.accounts.resume_model(only(parts).id, "ssd-canny")
    turn = top_up(parts, app)
    assert turn["back"] == 3
    # The one that this process held a moment ago may still count as under way.
    assert turn["tickets"] == parts.redis.llen(ticket_queue(parts.pool)) >= 2
    for job in kept:
        assert run_ticket(parts).job == str(job.id)
        assert _state(parts, job) == (State.SUCCEEDED, 1)
