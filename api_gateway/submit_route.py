"""`POST /api/v1/jobs`: check everything, keep the job in one commit, then ask for a worker."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, envelope, problems, strict_json
from api_gateway.auth import Tenant
from api_gateway.images_in import Picture
from api_gateway.job_answer import job_answer
from api_gateway.kept_images import KeptImages, reference_of
from api_gateway.once import IN_USE, REPLAYS, asked, with_key
from api_gateway.openapi import answers, body, reference
from api_gateway.parts import Parts, parts_of
from api_gateway.problems import Problem
from api_gateway.showing import base_of
from db.idempotency import Answer
from db.rows import Input, Job, NewJob
from jobs.catalog.inputs import check as check_input
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput
from jobs.states import State

LARGEST_BODY = 30_000_000
"""Bytes: an image of 20 MB as a data: URI, and room."""
_QUICK_BODY = 64 * 1024
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
        *(400, 401, 408, 413, 415, 422, 503),
        says={"Location": "Where to read the job", **REPLAYS},
    )
    | IN_USE,
    openapi_extra=with_key(body(**{"application/json": {"schema": reference("Submit")}})),
)
async def submit(request: Request, tenant: Tenant) -> Response:
    """Answers when the job is on disk. Its `Location` is where to read it."""
    if bodies.media_type(request) != "application/json":
        raise Problem(problems.WRONG_TYPE, "send the job as Content-Type: application/json")
    raw = await bodies.read(request, LARGEST_BODY)
    parts = parts_of(request)
    async with asked(request, tenant, raw) as ask:
        if ask.replay is not None:
            return ask.replay

        def check() -> tuple[NewJob, list[Input]]:
            return read(parts, tenant, raw)

        if len(raw) <= _QUICK_BODY:
            new, images = await run_in_threadpool(check)
        else:
            new, images = await parts.with_images(check)
        waiting = await parts.waiting.of(new.pool, new.model)

        def accept() -> tuple[Job, Answer]:
            for image in images:
                parts.inputs.add(image)
            job = parts.jobs.add(new)
            return job, job_answer(job, base_of(request), waiting, 202)

        job, response = await run_in_threadpool(ask.commit, accept)
    if job is not None and job.state is State.QUEUED:
        parts.tickets.add(job.pool)
    return response


def read(parts: Parts, tenant: UUID, raw: bytes) -> tuple[NewJob, list[Input]]:
    """The job that a body describes, and the rows of images in it, whose bytes are kept by now.

    Raises `InvalidInput` that names all that is wrong; then nothing is kept.
    """
    kept = KeptImages(parts.inputs, parts.artifacts)
    new, pictures = _read(kept, parts.pool, tenant, strict_json.parse(raw))
    return new, [kept.keep(tenant, picture) for picture in pictures]


def _read(images: KeptImages, pool: str, tenant: UUID, given: Any) -> tuple[NewJob, list[Picture]]:
    if not isinstance(given, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(given))])
    around, wrong = envelope.check(given, datetime.now(UTC))
    pictures: dict[str, Picture] = {}
    checked: dict[str, Any] = {}
    if around.model is None:
        if not isinstance(given.get("input", {}), dict):
            wrong.append(FieldProblem("input", "must be an object", shown(given["input"])))
    elif "input" in given:
        try:
            checked = check_input(around.model, given["input"])
        except InvalidInput as error:
            wrong += error.problems
        if isinstance(given["input"], dict):
            pictures, wrong_images = images.resolve(tenant, around.model, given["input"])
            wrong += wrong_images
    if wrong or around.model is None:
        raise InvalidInput(wrong)
    references = {name: reference_of(picture.sha256) for name, picture in pictures.items()}
    new = NewJob(
        tenant_id=tenant,
        pool=pool,
        model=around.model.slug,
        input={**checked, **references},
        estimate=around.model.price(checked),
        priority=around.priority,
        group=around.group,
        tags=around.tags,
        metadata=around.metadata,
        run_at=around.run_at,
        start_by=around.start_by,
        finish_by=around.finish_by,
        max_attempts=around.max_attempts,
    )
    return new, list(pictures.values())
