"""Changing a job that is there: its members while it waits, its end, and a new try."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, cancel_wish, patch, problems, strict_json
from api_gateway.auth import Canceler, Submitter
from api_gateway.job_answer import job_answer
from api_gateway.job_routes import id_of
from api_gateway.once import REPLAYS, asked, with_key
from api_gateway.openapi import answers, body, optional_body, reference
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
from api_gateway.showing import base_of, show
from db.idempotency import Answer
from db.rows import Job
from jobs.states import State

LARGEST_BODY = 64 * 1024
"""Bytes; a verb that takes no body still reads one, for its fingerprint."""
_MEDIA_TYPES = ("application/json", "application/merge-patch+json")

router = APIRouter(tags=["jobs"])


@router.patch(
    "/api/v1/jobs/{job_id}",
    summary="Change a job",
    responses=answers(
        200, "Job", "The job as it is now", 400, 401, 404, 408, 409, 413, 415, 422, 503
    ),
    openapi_extra=body(**{name: {"schema": patch.SCHEMA} for name in _MEDIA_TYPES}),
)
async def change(request: Request, tenant: Submitter, job_id: str) -> JSONResponse:
    """Only of a job that is `scheduled` or `queued`; what is left out stays, null sets it back.

    `on_doubt` and `doubt_deadline` also of one that is `in_doubt`. Either the change is there when the job's call is made, or the answer is 409.
    """
    found = id_of(job_id)
    if bodies.media_type(request) not in _MEDIA_TYPES:
        raise Problem(
            problems.WRONG_TYPE,
            f"send the change as Content-Type: {' or '.join(_MEDIA_TYPES)}",
            headers={"Accept-Patch": ", ".join(_MEDIA_TYPES)},
        )
    raw = await bodies.read(request, LARGEST_BODY)
    wanted = patch.read(strict_json.parse(raw), datetime.now(UTC))
    job = await run_in_threadpool(
        parts_of(request).changes.change, tenant, found, wanted, patch.must_fit
    )
    return JSONResponse(await show(request, job))


@router.post(
    "/api/v1/jobs/{job_id}/cancel",
    summary="Cancel a job",
    responses=answers(
        200,
        "Job",
        "Canceled, or asked to be",
        *(400, 401, 404, 408, 409, 413, 415, 422, 503),
        says=REPLAYS,
    ),
    openapi_extra=with_key(optional_body(**{"application/json": {"schema": reference("Cancel")}})),
)
async def cancel(request: Request, tenant: Canceler, job_id: str) -> Response:
    """A waiting job ends at once. A running one's call is let finish and paid; then it ends.

    One in doubt keeps the wish: if its call ran its image is kept, if not it is not sent again.
    With `{"image": "drop"}` the image of a call that was under way is not kept, though it is paid.
    What that means for the money stands in `note`.
    """
    changes = parts_of(request).changes

    def wish(raw: bytes) -> _Verb:
        drops = cancel_wish.drops(request, raw)
        return lambda tenant, job: changes.cancel(tenant, job, drops=drops)

    return await _move(request, tenant, job_id, wish)


@router.post(
    "/api/v1/jobs/{job_id}/retry",
    summary="Run a job again",
    responses=answers(
        200,
        "Job",
        "In the queue again",
        *(401, 402, 404, 408, 409, 413, 415, 422, 429, 503),
        says=REPLAYS,
    ),
    openapi_extra=with_key(),
)
async def retry(request: Request, tenant: Submitter, job_id: str) -> Response:
    """A job that failed, expired or was canceled goes back to the queue; a scheduled one at once.

    It keeps its id and input; a seed that the caller did not give is chosen anew. One more attempt
    is allowed at the least, `start_by` and `finish_by` are dropped when they have passed, and what
    it cost so far stays in `cost`.
    """
    retry = parts_of(request).changes.retry
    return await _move(request, tenant, job_id, lambda _: retry)


_Verb = Callable[[UUID, UUID], Job]


async def _move(
    request: Request, tenant: UUID, job_id: str, verb_of: Callable[[bytes], _Verb]
) -> Response:
    """`verb_of` reads the body, and raises where it cannot be taken."""
    found = id_of(job_id)
    parts = parts_of(request)
    raw = await bodies.read(request, LARGEST_BODY)
    verb = verb_of(raw)
    async with asked(request, tenant, raw) as ask:
        if ask.replay is not None:
            return ask.replay
        before = await run_in_threadpool(parts.jobs.get, tenant, found)
        waiting = await parts.waiting.of(before)
        keeps = await parts.kept_times.of_job(before)

        def act() -> tuple[Job, Answer]:
            job = verb(tenant, found)
            return job, job_answer(job, base_of(request), waiting, 200, keeps)

        job, response = await run_in_threadpool(ask.commit, act)
    if job is not None:
        await parts.hints.publish(found)
        if job.state is State.QUEUED:
            parts.tickets.add(job.pool)
    return response
