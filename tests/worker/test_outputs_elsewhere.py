"""Outputs on a host that this system does not fetch from, until its operator says that it may."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from db.rows import Job
from jobs.catalog import Transport
from jobs.states import State
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.upkeep_turns import poll_now, until
from worker.parts import Parts, build
from worker.run import run_ticket
from worker.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, transport=Transport.V2, image_hosts="images.example.org")


@pytest.fixture
def state(parts: Parts, tenant: UUID) -> Callable[[Job], State]:
    return lambda job: parts.jobs.get(tenant, job.id).state


def test_what_was_paid_is_fetched_when_its_host_is_allowed(
    parts: Parts,
    settings: Settings,
    submit: Submit,
    sandbox: SandboxProcess,
    state: Callable[[Job], State],
) -> None:
    job = submit()
    run_ticket(parts)
    with capture_logs() as told:
        until(lambda: poll_now(parts), lambda: any("reason" in one for one in told))
    delays = [one["reason"] for one in told if one["event"] == "output_delayed"]
    assert "SEGMIND_IMAGE_HOSTS" in delays[0]
    assert state(job) is State.RUNNING
    allowed = build(replace(settings, image_hosts=None))
    try:
        poll_now(allowed)
        assert state(job) is State.SUCCEEDED
    finally:
        allowed.askers.shutdown()
        allowed.upstream.close()
        allowed.redis.close()
        allowed.database.close()
    assert len(sandbox.ledger()) == 1
