"""Which account a job is called with, and what is told when it refuses."""

from collections.abc import Callable, Iterator

import pytest

from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.systems.jobs_at_work import states, submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]


@pytest.fixture
def provider() -> Iterator[SandboxProcess]:
    """A provider that the system does not know as its own sandbox: to it, this is Segmind."""
    started = SandboxProcess()
    try:
        yield started
    finally:
        started.end()


@ON_ITS_OWN_PARTS
def test_what_was_given_to_the_sandbox_is_never_paid_for(
    system: Start, provider: SandboxProcess
) -> None:
    tried = system(SEGMIND_RPM="1")
    left = submit(tried, 4)
    wait_until(lambda: states(tried)["running"] + states(tried)["succeeded"] == 1, "one started")
    assert tried.segq("down").returncode == 0
    real = system(
        SEGQ_HOME=str(tried.home), SEGMIND_API_KEY=KEY, SEGMIND_BASE_URL=f"{provider.url}/v1"
    )
    assert real.run["sandbox"] is None
    (paid,) = submit(real, 1)
    assert real.client.wait(paid, timeout=30).state == "succeeded"
    assert [row["seed_used"] for row in provider.ledger()] == [real.client.get(paid).raw["seed"]]
    assert sum(real.client.get(job).state == "queued" for job in left) == 3


@ON_ITS_OWN_PARTS
def test_a_refused_key_keeps_the_jobs_and_says_what_to_do(
    system: Start, provider: SandboxProcess
) -> None:
    wrong = "SG_aaaaaaaaaaaaaaaa"
    refused = system(SEGMIND_API_KEY=wrong, SEGMIND_BASE_URL=provider.url)
    ids = submit(refused, 3)

    def told() -> bool:
        jobs = [refused.client.get(job).raw for job in ids]
        return all(job["waiting_for"] == "paused" and "401" in (job["note"] or "") for job in jobs)

    wait_until(told, "every job says why it waits")
    assert {refused.client.get(job).raw["attempts"] for job in ids} == {0}
    assert wrong not in refused.log("worker-1")
    paused = refused.events("worker-1", "account_paused")
    assert {event["reason"] for event in paused} == {"key_refused"}
    assert refused.segq("down").returncode == 0
    accepted = system(
        SEGQ_HOME=str(refused.home), SEGMIND_API_KEY=KEY, SEGMIND_BASE_URL=provider.url
    )
    assert {accepted.client.wait(job, timeout=25).state for job in ids} == {"succeeded"}
    assert len(provider.ledger()) == 3
