"""Tickets, served in this process against real servers."""

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import select
from structlog.testing import capture_logs

from db import receipts
from db.rows import Claim, Held, Input
from db.tables import attempts
from jobs.failures import FailureKind
from jobs.states import State
from tests.db.conftest import claim_one, succeeded
from tests.sandbox.sandbox_process import PHOTOGRAPH, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.one_account import only
from upstream.images import look_at
from upstream.replies import Image
from worker.keeping import keep_images
from worker.parts import Parts
from worker.run import run_ticket
from worker.sweeper import sweep
from worker.taken import NoJob


def _lost(parts: Parts) -> Claim:
    """A claim whose lease has run out, as a dead worker leaves it."""
    found = claim_one(parts.runs, only(parts).id, timedelta(), parts.pool)
    assert isinstance(found, Claim)
    return found


def test_a_ticket_runs_one_job_and_leaves_no_receipt(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    job = submit(seed=42)
    submit()
    result = run_ticket(parts)
    assert (result.job, result.outcome, result.cost) == (str(job.id), "succeeded", "0.006")
    done = parts.jobs.get(tenant, job.id)
    assert (done.state, done.seed, done.attempts) == (State.SUCCEEDED, 42, 1)
    (output,) = done.outputs
    assert len(parts.artifacts.get(output.artifact)) == output.bytes
    assert receipts.pending(parts.artifacts) == []
    assert [row["status"] for row in sandbox.ledger()] == [200]


def test_a_ticket_without_a_job_costs_nothing(parts: Parts, sandbox: SandboxProcess) -> None:
    assert run_ticket(parts).outcome == NoJob.NO_JOB
    assert sandbox.ledger() == []


def test_an_empty_account_keeps_its_jobs_and_says_so(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess
) -> None:
    sandbox.change(credits="0")
    job = submit()
    assert run_ticket(parts).outcome == FailureKind.INSUFFICIENT_CREDITS
    found = parts.jobs.get(tenant, job.id)
    assert (found.state, found.attempts) == (State.QUEUED, 0)
    account = parts.accounts.get(only(parts).id)
    assert account.paused_for == "credits"
    held = claim_one(parts.runs, account.id, timedelta(1), parts.pool)
    assert isinstance(held, Held)
    assert len(sandbox.ledger()) == 1


def test_a_full_disk_is_waited_out_and_the_image_is_kept(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    """The folder cannot be written to when the image comes; a second later it can."""
    job = submit()
    outputs = tmp_path / "artifacts" / "outputs"
    outputs.write_bytes(b"in the way")  # root ignores permissions, not this
    healing = threading.Timer(1, os.unlink, [outputs])
    healing.start()
    assert run_ticket(parts).outcome == "succeeded"
    healing.join()
    assert parts.jobs.get(tenant, job.id).state is State.SUCCEEDED
    assert len(sandbox.ledger()) == 1


def test_a_call_that_cannot_be_prepared_is_not_sent_and_not_in_doubt(
    parts: Parts, submit: Submit, tenant: UUID, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    kept = Input(tenant, "ab" * 32, f"inputs/{tenant}/x", "image/jpeg", 1, 1, 1)
    parts.inputs.add(kept)
    folder = tmp_path / "artifacts" / "inputs" / str(tenant)
    folder.mkdir(parents=True)
    (folder / "x").symlink_to("x")  # every look at it is an OSError
    job = submit(image=f"segq:{kept.sha256}")
    run_ticket(parts)
    assert parts.jobs.get(tenant, job.id).state in {State.SCHEDULED, State.FAILED}
    assert sandbox.ledger() == []


def test_a_broken_receipt_keeps_nobody_waiting(parts: Parts, submit: Submit, tenant: UUID) -> None:
    parts.artifacts.put(f"pending/{uuid4()}.json", b'{"version": 2}')
    job = submit()
    _lost(parts)
    with capture_logs() as told:
        assert sweep(parts) == {"in_doubt": 1}
    assert parts.jobs.get(tenant, job.id).state is State.IN_DOUBT
    assert "cannot_settle" in {one["event"] for one in told}


def test_images_without_a_receipt_count_as_paid_when_all_are_there(
    parts: Parts, submit: Submit, tenant: UUID
) -> None:
    image = look_at(PHOTOGRAPH)
    assert isinstance(image, Image)
    whole, half = submit(), submit(samples=2)
    for job in (whole, half):
        number = _lost(parts).number
        keep_images(parts.artifacts, (image,), tenant=tenant, job=job.id, number=number)
    assert sweep(parts) == {"settled": 1, "in_doubt": 1}
    done = parts.jobs.get(tenant, whole.id)
    assert (done.state, done.cost, len(done.outputs)) == (State.SUCCEEDED, done.estimate, 1)
    assert parts.jobs.get(tenant, half.id).state is State.IN_DOUBT


def test_a_receipt_ends_a_doubt(parts: Parts, submit: Submit, tenant: UUID) -> None:
    job = submit()
    assert run_ticket(parts).outcome == "succeeded"
    done = parts.jobs.get(tenant, job.id)
    # The same again for a second job, as if its worker had died with the receipt on disk.
    other = submit()
    claim = _lost(parts)
    assert sweep(parts) == {"in_doubt": 1}
    late = replace(succeeded(claim), outputs=done.outputs)
    receipts.write(parts.artifacts, [late])
    assert sweep(parts) == {"settled": 1}
    found = parts.jobs.get(tenant, other.id)
    assert (found.state, found.cost) == (State.SUCCEEDED, late.cost)
    assert receipts.pending(parts.artifacts) == []


def test_a_receipt_keeps_when_and_how_the_answer_came_and_may_lack_it(
    parts: Parts, submit: Submit, tenant: UUID
) -> None:
    answered_at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    jobs = [submit(), submit()]
    claims = [_lost(parts), _lost(parts)]
    for claim in claims:
        whole = succeeded(claim, answered_at=answered_at, answer_form="json")
        key = receipts.write(parts.artifacts, [whole])
        assert receipts.read(parts.artifacts, key) == [whole]
    # As a version wrote it that did not know of them yet, and kept each in a file of its own.
    (document,) = json.loads(parts.artifacts.get(key))["receipts"]
    del document["answered_at"], document["answer_form"]
    parts.artifacts.put(key, json.dumps({"version": 1, **document}).encode())
    assert sweep(parts) == {"settled": 2}
    assert {parts.jobs.get(tenant, job.id).state for job in jobs} == {State.SUCCEEDED}
    with parts.database.read() as connection:
        rows = connection.execute(select(attempts.c.answered_at, attempts.c.answer_form))
        assert set(map(tuple, rows)) == {(answered_at, "json"), (None, None)}
