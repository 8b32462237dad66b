"""A tenant at its cap: what a ticket does for its jobs, whose own tickets found nothing."""

from uuid import UUID

from db.hand_pauses import OPERATOR, HandPauses
from db.tenants import TenantStore
from jobs.states import State
from tests.sandbox.sandbox_process import SandboxProcess
from tests.worker.conftest import Submit
from worker.parts import Parts
from worker.run import run_ticket
from worker.taken import NoJob


def test_the_place_that_a_job_leaves_is_the_next_ones_at_once(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    jobs = [submit(seed=n) for n in range(3)]
    TenantStore(parts.database).set_limits("default", {"max_running": 1})
    assert parts.jobs.waiting(parts.pool, 10) == 1
    result = run_ticket(parts)
    assert (result.outcome, result.jobs) == ("3 succeeded", 3)
    assert {parts.jobs.get(tenant, job.id).state for job in jobs} == {State.SUCCEEDED}
    assert len(sandbox.ledger()) == 3


def test_no_call_leaves_for_a_paused_tenant(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit()
    HandPauses(parts.database).pause(tenant, None, OPERATOR, "")
    assert run_ticket(parts).outcome == NoJob.NO_JOB
    assert sandbox.ledger() == []
    HandPauses(parts.database).resume(tenant, None, OPERATOR)
    assert run_ticket(parts).job == str(job.id)
