"""`POST /api/v1/jobs`: check everything, keep the job in one commit, then ask for a worker."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, problems
from api_gateway.auth import Submitter
from api_gateway.idempotency_key import fingerprint, key_of
from api_gateway.job_answer import job_answer
from api_gateway.job_in import read, read_quickly
from api_gateway.once import IN_USE, REPLAYS, asked, held, outcome_of, with_key
from api_gateway.openapi import answers, body, reference
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
from api_gateway.showing import base_of
from api_gateway.submits import Submit
from db.idempotency import Answer
from db.rows import Job, NewJob
from jobs.states import State

LARGEST_BODY = 30_000_000
"""Bytes: an image of 20 MB as a data: URI, and room."""
_QUICK_BODY = 16 * 1024
"""A body up to this size is read between other requests: in a few milliseconds at the worst."""
SMALL_BODY = 64 * 1024
"""A larger body holds an image and is worked on beside the others of its kind."""

router = APIRouter(tags=["jobs"])


@router.post(
    "/api/v1/jobs",
    status_code=202,
    summary="Queue a job",
    responses=answers(
        202,
        "Job",
        "Accepted: it is kept",
        *(400, 401, 402, 408, 413, 415, 422, 429, 503),
        says={"Location": "Where to read the job", **REPLAYS},
    )
    | IN_USE,
    openapi_extra=with_key(body(**{"application/json": {"schema": reference("Submit")}})),
)
async def submit(request: Request, tenant: Submitter) -> Response:
    """Answers when the job is on disk. Its `Location` is where to read it."""
    if bodies.media_type(request) != "application/json":
        raise Problem(problems.WRONG_TYPE, "send the job as Content-Type: application/json")
    raw = await bodies.read(request, LARGEST_BODY)
    parts = parts_of(request)
    new = read_quickly(parts.pool, tenant, raw) if len(raw) <= _QUICK_BODY else None
    if new is None:
        return await _with_images(request, tenant, raw)
    waiting = await parts.waiting.of(new)
    key = key_of(request)
    if key is None:
        return outcome_of(await parts.submits.ask(Submit(new, waiting, base_of(request))))
    print_ = fingerprint(request, raw)
    with held(parts, tenant, key):
        asked_for = Submit(new, waiting, base_of(request), key, print_)
        return outcome_of(await parts.submits.ask(asked_for), print_, key)


async def _with_images(request: Request, tenant: UUID, raw: bytes) -> Response:
    """Of a body that may hold images, or that is refused: checked whole, beside other requests."""
    parts = parts_of(request)
    async with asked(request, tenant, raw) as ask:
        if ask.replay is not None:
            return ask.replay

        def check() -> NewJob:
            return read(parts, tenant, raw)

        if len(raw) <= SMALL_BODY:
            new = await run_in_threadpool(check)
        else:
            new = await parts.with_images(check)
        waiting = await parts.waiting.of(new)

        def accept() -> tuple[Job, Answer]:
            job = parts.jobs.add(new)
            return job, job_answer(job, base_of(request), waiting, 202)

        job, response = await run_in_threadpool(ask.commit, accept)
    if job is not None and job.state is State.QUEUED:
        parts.tickets.add(job.pool)
    return response
