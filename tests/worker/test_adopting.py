"""What a restored backup adopts where the history is not simple: a call that still runs, images that are hidden."""

from uuid import UUID

from sqlalchemy import update

from db.job_changes import JobChanges
from db.tables import attempts, jobs
from jobs.auditing import Kind
from jobs.states import State
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.test_audit import audited, restore, run
from tests.worker.upkeep_turns import attempt, look_now, until
from worker.adopting import adopt
from worker.calling import sent_inputs
from worker.parts import Parts


def test_a_call_that_still_runs_is_adopted_and_waited_for(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    """Its price is not known yet; but its job must not run again."""
    job = submit()
    sandbox.change(latency={"median": 1.0, "sigma": 0})
    inputs = sent_inputs(parts.inputs, parts.artifacts, job, 77)
    sent = sandbox.http.post("/v2/ssd-canny", json=inputs, headers={"x-api-key": KEY})
    assert sent.status_code == 200
    found = audited(parts)
    assert [one.kind for one in found.differences] == [Kind.NOT_RECORDED]
    assert adopt(parts, found) == {"in doubt": 1}
    assert parts.jobs.get(tenant, job.id).state is State.IN_DOUBT
    until(lambda: look_now(parts), lambda: parts.jobs.get(tenant, job.id).state is State.SUCCEEDED)
    assert audited(parts).differences == ()
    assert len(sandbox.ledger()) == 1


def test_a_strangers_call_that_still_runs_is_no_difference(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    submit()
    sandbox.change(latency={"median": 5.0, "sigma": 0})
    sandbox.submit(prompt="somebody else's")
    assert audited(parts).differences == ()


def test_a_hidden_image_may_be_of_a_job_that_has_ended(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    """It was retried after the backup; the one that waits must not get its picture."""
    sandbox.change(history_image="left_out")
    retried = submit(image="https://example.org/1.png")
    JobChanges(parts.database).cancel(tenant, retried.id)
    JobChanges(parts.database).retry(tenant, retried.id)
    run(parts)
    restore(parts, retried)
    with parts.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == retried.id).values(state=State.CANCELED))
    waits = submit(image="https://example.org/2.png")
    adopt(parts, audited(parts))
    assert parts.jobs.get(tenant, waits.id).state is State.IN_DOUBT
    assert len(sandbox.ledger()) == 1


def test_a_request_that_has_found_its_attempt_meanwhile_stops_no_adoption(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    """Two audits at once, or reconciliation beside one."""
    for n in range(3):
        submit(prompt=f"picture {n}")
    run(parts, 3)
    restored = [
        parts.jobs.get(tenant, job.id)
        for job in parts.audits.jobs_of("ssd-canny", parts.audits.time())
    ]
    restore(parts, *restored)
    found = audited(parts)
    assert len(found.differences) == 3
    first, second, _ = restored
    taken = next(
        one.request.id
        for one in found.differences
        if one.request is not None and found.jobs[one.request.id][0].id == first.id
    )
    # The other audit gave it to another job.
    adopt(parts, audited(parts))
    other = attempt(parts, second)["id"]
    with parts.database.write() as connection:
        connection.execute(
            update(attempts).where(attempts.c.job_id == first.id).values(request_id=None)
        )
        connection.execute(update(attempts).where(attempts.c.id == other).values(request_id=taken))
    restore(parts, first)
    assert adopt(parts, found)["recorded meanwhile"] >= 1
    assert parts.jobs.get(tenant, first.id).state is State.QUEUED
