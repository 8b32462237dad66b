"""`POST /api/v1/jobs/{id}/resolve`: an operator says how a doubt ends."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, problems, resolution, strict_json
from api_gateway.auth import Submitter
from api_gateway.change_routes import LARGEST_BODY
from api_gateway.job_answer import job_answer
from api_gateway.job_routes import id_of
from api_gateway.kept_images import NO_IMAGE
from api_gateway.once import REPLAYS, asked, with_key
from api_gateway.openapi import answers, body, headers, reference
from api_gateway.parts import Parts, parts_of
from api_gateway.problems import Problem
from api_gateway.resolution import Given
from api_gateway.showing import base_of
from db.idempotency import Answer
from db.resolving import Resolution
from db.rows import Job, Output
from jobs.errors import FieldProblem, InvalidInput
from jobs.states import State

router = APIRouter(tags=["jobs"])

_SAYS = {"Location": "Where to read the job", **REPLAYS}


@router.post(
    "/api/v1/jobs/{job_id}/resolve",
    summary="End a doubt by hand",
    responses={
        **answers(
            200,
            "Job",
            "The doubt has ended",
            *(400, 401, 404, 408, 409, 413, 415, 422, 503),
            says=REPLAYS,
        ),
        202: {
            "description": "Still in doubt: the request that was named is asked about now",
            "content": {"application/json": {"schema": reference("Job")}},
            "headers": headers(_SAYS),
        },
    },
    openapi_extra=with_key(body(**{"application/json": {"schema": reference("Resolve")}})),
)
async def resolve(request: Request, tenant: Submitter, job_id: str) -> Response:
    """Only of a job that is `in_doubt`; the note says why and is kept with its call.

    `retry` sends it again, and it may be paid twice. `failed` ends it. `succeeded` with an `output`
    ends it with that image; with a `request_id` alone the result is fetched from Segmind. Until
    Segmind's history tells what the call cost, it counts as paid.
    """
    found = id_of(job_id)
    if bodies.media_type(request) != "application/json":
        raise Problem(problems.WRONG_TYPE, "send the decision as Content-Type: application/json")
    raw = await bodies.read(request, LARGEST_BODY)
    given = resolution.read(strict_json.parse(raw))
    parts = parts_of(request)
    async with asked(request, tenant, raw) as ask:
        if ask.replay is not None:
            return ask.replay
        output = await run_in_threadpool(_prepared, parts, tenant, found, given)
        wanted = Resolution(given.verdict, given.note, given.request_id, output)
        before = await run_in_threadpool(parts.jobs.get, tenant, found)
        waiting = await parts.waiting.of(before)
        keeps = await parts.kept_times.of_job(before)

        def act() -> tuple[Job, Answer]:
            job = parts.resolving.resolve(tenant, found, wanted)
            status = 202 if job.state is State.IN_DOUBT else 200
            return job, job_answer(job, base_of(request), waiting, status, keeps)

        job, response = await run_in_threadpool(ask.commit, act)
    if job is not None:
        await parts.hints.publish(found)
        if job.state is State.QUEUED:
            parts.tickets.add(job.pool)
        if output is not None and not job.outputs:
            # It was canceled, and its image is not wanted.
            await run_in_threadpool(parts.artifacts.remove, output.artifact)
    return response


def _prepared(parts: Parts, tenant: UUID, job_id: UUID, given: Given) -> Output | None:
    """The image that becomes the job's, kept as such; refusals come before anything is copied."""
    doubt = parts.resolving.must_be_in_doubt(tenant, job_id)
    if given.sha256 is None:
        return None
    image = parts.inputs.get(tenant, given.sha256)
    try:
        if image is not None:
            return parts.resolving.copied(doubt, image)
    except FileNotFoundError:
        pass  # its time has passed since the look
    raise InvalidInput([FieldProblem("output", NO_IMAGE)])
