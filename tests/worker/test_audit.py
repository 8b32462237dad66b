"""What was booked beside what a real server charged; and a restored backup that adopts its calls."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from db.rows import Job
from db.tables import attempts, jobs, outputs
from jobs.account_pauses import Pause, PauseReason
from jobs.auditing import Kind
from jobs.states import State
from tests.sandbox.sandbox_process import KEY, ROOT, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.one_account import only
from tests.worker.upkeep_turns import change, look_now
from worker.adopting import adopt
from worker.auditing import Audit, audit
from worker.parts import Parts
from worker.run import run_ticket
from worker.settings import Settings


def audited(parts: Parts) -> Audit:
    now = datetime.now(UTC)
    return audit(parts, now - timedelta(days=7), now)


def run(parts: Parts, count: int = 1) -> None:
    for _ in range(count):
        assert run_ticket(parts).outcome == "succeeded"


def restore(parts: Parts, *restored: Job) -> None:
    """As the rows were in a backup from before these jobs ran."""
    ids = [job.id for job in restored]
    with parts.database.write() as connection:
        for table in (outputs, attempts):
            connection.execute(delete(table).where(table.c.job_id.in_(ids)))
        connection.execute(
            update(jobs)
            .where(jobs.c.id.in_(ids))
            .values(
                state=State.QUEUED, number=0, attempts=0, cost=0, started_at=None, finished_at=None
            )
        )


def test_two_sides_that_agree(parts: Parts, submit: Submit, sandbox: SandboxProcess) -> None:
    sandbox.change(teammates_rpm=600)
    for n in range(3):
        submit(prompt=f"picture {n}", samples=n + 1)
    run(parts, 3)
    sandbox.faults({"effect": {"kind": "status", "status": 400, "error": "no"}})
    submit()
    run_ticket(parts)
    found = audited(parts)
    assert found.differences == ()
    assert (found.attempts, found.requests) == (4, 3)
    assert found.ours == found.theirs == 360_000_000
    assert all(one.cost for one in found.strangers)


def test_another_cost_is_told_and_taken_over(parts: Parts, submit: Submit, tenant: UUID) -> None:
    job = submit()
    run(parts)
    change(parts, job, cost=50_000_000)
    (difference,) = audited(parts).differences
    assert (difference.kind, difference.ours, difference.theirs) == (
        Kind.COST,
        50_000_000,
        60_000_000,
    )
    assert adopt(parts, audited(parts)) == {"corrected": 1}
    assert audited(parts).differences == ()
    assert parts.jobs.get(tenant, job.id).cost == 70_000_000  # was booked before the change


def test_a_call_that_the_history_lacks_is_told_when_it_is_due(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    job = submit()
    run(parts)
    assert sandbox.http.delete("/_sandbox/history").status_code == 204
    assert audited(parts).too_fresh == 1
    assert audited(parts).differences == ()
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    change(parts, job, finished_at=an_hour_ago)
    (difference,) = audited(parts).differences
    assert (difference.kind, difference.theirs) == (Kind.NOT_LISTED, None)


def test_a_second_call_for_a_job_is_told_and_a_strangers_is_not(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    job = submit(seed=7)
    run(parts)
    assert sandbox.call(**job.input).status_code == 200
    assert sandbox.call(prompt="somebody else's").status_code == 200
    found = audited(parts)
    (difference,) = found.differences
    assert difference.kind is Kind.NOT_RECORDED
    assert [one.id for jobs_ in found.jobs.values() for one in jobs_] == [job.id]
    assert len(found.strangers) == 1
    assert adopt(parts, found) == {"recorded": 1}
    assert audited(parts).differences == ()
    done = parts.jobs.get(tenant, job.id)
    assert (done.state, done.cost, len(done.outputs)) == (State.SUCCEEDED, 120_000_000, 1)


def test_a_restored_backup_adopts_what_has_run_since(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    ran = [submit(prompt=f"picture {n}") for n in range(3)] + [submit(prompt="twin")]
    run(parts, 4)
    restore(parts, *ran)
    twin, new = submit(prompt="twin"), submit(prompt="new")
    found = audited(parts)
    assert {one.kind for one in found.differences} == {Kind.NOT_RECORDED}
    assert adopt(parts, found) == {"succeeded": 4}
    assert audited(parts).differences == ()
    for job in ran:
        done = parts.jobs.get(tenant, job.id)
        assert (done.state, done.cost, done.number) == (State.SUCCEEDED, 60_000_000, 1)
        assert len(parts.artifacts.get(done.outputs[0].artifact)) == done.outputs[0].bytes
    # What had not run is not touched, and is all that runs now.
    for job in (twin, new):
        assert parts.jobs.get(tenant, job.id).state is State.QUEUED
    run(parts, 2)
    assert len(sandbox.ledger()) == 6


def test_calls_that_cannot_be_told_apart_are_in_doubt_and_run_by_nobody(
    parts: Parts, submit: Submit, sandbox: SandboxProcess, tenant: UUID
) -> None:
    sandbox.change(history_image="left_out")
    ran, other = (submit(image=f"https://example.org/{n}.png") for n in range(2))
    run(parts)
    restore(parts, ran)
    assert adopt(parts, audited(parts)) == {"in doubt": 2}
    assert {parts.jobs.get(tenant, job.id).state for job in (ran, other)} == {State.IN_DOUBT}
    look_now(parts)
    assert {parts.jobs.get(tenant, job.id).state for job in (ran, other)} == {State.IN_DOUBT}
    assert len(sandbox.ledger()) == 1


def test_a_doubt_is_open_and_no_difference(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    submit()
    sandbox.faults({"runs": True, "effect": {"kind": "reset"}})
    run_ticket(parts)
    found = audited(parts)
    assert found.differences == ()
    assert found.open == 1


def test_a_call_that_was_taken_for_absent_is_a_difference_when_it_appears(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    job = submit()
    sandbox.faults({"runs": True, "effect": {"kind": "reset"}})
    run_ticket(parts)
    change(parts, job, finished_at=datetime.now(UTC), cost=0, cost_known=False)
    (difference,) = audited(parts).differences
    assert (difference.kind, difference.ours, difference.theirs) == (Kind.COST, 0, 60_000_000)


def command(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    now = datetime.now(UTC)
    week_ago, today = (f"{day:%Y-%m-%d}" for day in (now - timedelta(days=7), now))
    return subprocess.run(
        [sys.executable, "-m", "worker", "audit", "--from", week_ago, "--to", today, *words],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "SEGQ_ARTIFACTS": str(settings.artifacts),
            "SEGMIND_API_KEY": KEY,
            "SEGMIND_BASE_URL": settings.segmind_base_url or "",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_says_what_differs_and_adopts_only_while_nothing_leaves(
    parts: Parts, submit: Submit, settings: Settings, tenant: UUID
) -> None:
    job = submit()
    run(parts)
    agreed = command(settings)
    assert (agreed.returncode, agreed.stderr) == (0, "")
    assert "both sides agree" in agreed.stdout
    before = parts.accounts.get(only(parts).id).call_limit
    restore(parts, job)
    differs = command(settings)
    assert differs.returncode == 1
    assert str(job.id) in differs.stdout
    assert "not_recorded" in differs.stdout
    refused = command(settings, "--adopt")
    assert refused.returncode == 2
    assert "segq account pause" in refused.stderr
    parts.accounts.pause(only(parts).id, Pause(PauseReason.OPERATOR, None))
    adopted = command(settings, "--adopt", "--json")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    told: dict[str, Any] = json.loads(adopted.stdout)
    assert (told["adopted"], told["differences"]) == ({"succeeded": 1}, [])
    assert parts.jobs.get(tenant, job.id).state is State.SUCCEEDED
    assert parts.accounts.get(only(parts).id).call_limit == before


@pytest.mark.usefixtures("parts")
def test_the_command_says_what_is_wrong(settings: Settings) -> None:
    away = command(replace(settings, segmind_base_url="http://127.0.0.1:9"))
    assert away.returncode == 2
    assert "history cannot be read" in away.stderr
