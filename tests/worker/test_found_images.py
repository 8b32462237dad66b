"""Images that are found in the history while the call's own worker brings them after all."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from db.rows import Job, Settlement
from jobs.errors import RequestHeld
from jobs.money import ZERO
from jobs.retry import Decision
from jobs.states import State
from tests.sandbox.sandbox_process import PHOTOGRAPH, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import lose_answer
from tests.worker.one_account import only
from tests.worker.upkeep_turns import attempt, change
from upstream.images import look_at
from upstream.replies import Image
from worker.doubt_ends import end_with
from worker.history_looks import Request, look
from worker.keeping import keep_images
from worker.parts import Parts


def found(parts: Parts, job: Job) -> Request:
    """The job's request, as a look finds it that somebody takes meanwhile."""
    change(parts, job, next_look_at=parts.database.now)
    _, (doubt,) = parts.doubts.take_due(only(parts).id, 1, timedelta(minutes=5))
    request = look(parts, only(parts).segmind, job.model, [doubt]).found[doubt.attempt_id]
    assert isinstance(request, Request)
    return request


def bring(parts: Parts, job: Job) -> None:
    """The worker's own settle, which comes late and does not know what the call cost."""
    image = look_at(PHOTOGRAPH)
    assert isinstance(image, Image)
    outputs = keep_images(parts.artifacts, (image,), tenant=job.tenant_id, job=job.id, number=1)
    known = attempt(parts, job)
    assert isinstance(known["id"], UUID)
    assert parts.settler.settle(
        Settlement(
            attempt_id=known["id"],
            account_id=only(parts).id,
            job_id=job.id,
            tenant_id=job.tenant_id,
            number=1,
            decision=Decision(State.SUCCEEDED, spends_attempt=True),
            cost=job.estimate,
            cost_known=False,
            outputs=outputs,
        )
    )


def kept_as_it_was_settled(parts: Parts, job: Job) -> None:
    (output,) = parts.jobs.get(job.tenant_id, job.id).outputs
    data = parts.artifacts.get(output.artifact)
    assert hashlib.sha256(data).hexdigest() == output.sha256
    assert len(data) == output.bytes


def test_the_image_that_was_settled_is_not_overwritten_by_the_one_that_was_found(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    job = submit()
    lose_answer(parts, sandbox)
    doubt = parts.doubts.of_job(job.tenant_id, job.id)
    assert doubt is not None
    request = found(parts, job)
    bring(parts, job)
    assert end_with(parts, only(parts).segmind, doubt, request) is None
    kept_as_it_was_settled(parts, job)
    # What it cost is known by it all the same.
    known = attempt(parts, job)
    assert (known["cost_known"], known["request_id"]) == (True, request.id)


def test_nor_is_it_removed_where_the_request_is_another_attempts(
    parts: Parts, submit: Submit, sandbox: SandboxProcess
) -> None:
    other, job = submit(seed=7), submit(seed=7)
    for _ in range(2):
        lose_answer(parts, sandbox)
    doubt = parts.doubts.of_job(job.tenant_id, job.id)
    assert doubt is not None
    request = found(parts, other)
    its = replace(doubt, attempt_id=attempt(parts, other)["id"], job=other)
    assert end_with(parts, only(parts).segmind, its, request) is None
    bring(parts, job)
    with pytest.raises(RequestHeld):
        end_with(parts, only(parts).segmind, doubt, request)
    kept_as_it_was_settled(parts, job)
    assert parts.jobs.get(job.tenant_id, job.id).cost != ZERO
