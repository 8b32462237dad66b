"""`POST /api/v1/jobs`: check everything, keep the job in one commit, then ask for a worker."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, envelope, problems, strict_json
from api_gateway.auth import Submitter
from api_gateway.idempotency_key import fingerprint, key_of
from api_gateway.images_in import Picture
from api_gateway.job_answer import job_answer
from api_gateway.kept_images import KeptImages, has_kept_images, reference_of
from api_gateway.once import IN_USE, REPLAYS, asked, held, outcome_of, with_key
from api_gateway.openapi import answers, body, reference
from api_gateway.parts import Parts, parts_of
from api_gateway.problems import Problem
from api_gateway.showing import base_of
from api_gateway.submits import Submit
from db.idempotency import Answer
from db.rows import Job, NewJob
from jobs.catalog.inputs import check as check_input
from jobs.catalog.inputs import shown
from jobs.catalog.model import Model
from jobs.errors import FieldProblem, InvalidInput
from jobs.states import State

LARGEST_BODY = 30_000_000
"""Bytes: an image of 20 MB as a data: URI, and room."""
_QUICK_BODY = 16 * 1024
"""A body up to this size is read between other requests: in a few milliseconds at the worst."""
SMALL_BODY = 64 * 1024
"""A larger body holds an image and is worked on beside the others of its kind."""

_Resolve = Callable[[Model, Mapping[str, Any]], tuple[dict[str, Picture], list[FieldProblem]]]
"""`KeptImages.resolve` for one tenant."""

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


def read_quickly(pool: str, tenant: UUID, raw: bytes) -> NewJob | None:
    """The job of a body that is good and holds no image that is kept here; None for any other.

    It waits for nothing, so it may run in the event loop.
    """
    try:
        return _read(_none_kept, pool, tenant, strict_json.parse(raw))[0]
    except (InvalidInput, Problem, _HasImages):
        return None


def _none_kept(
    model: Model, given: Mapping[str, Any]
) -> tuple[dict[str, Picture], list[FieldProblem]]:
    if has_kept_images(model, given):
        raise _HasImages
    return {}, []


class _HasImages(Exception):  # noqa: N818  # not for here: no error
    pass


def read(parts: Parts, tenant: UUID, raw: bytes) -> NewJob:
    """The job that a body describes; images in it are kept by now.

    Raises `InvalidInput` that names all that is wrong; then nothing is kept.
    """
    kept = KeptImages(parts.inputs, parts.artifacts)
    new, pictures = _checked(parts, kept, tenant, strict_json.parse(raw))
    for picture in pictures:
        kept.keep(tenant, picture)
    return new


def checked(parts: Parts, tenant: UUID, given: Any) -> NewJob:
    """The job that `given` (read from JSON) describes, as `read` checks it; nothing is kept."""
    return _checked(parts, KeptImages(parts.inputs, parts.artifacts), tenant, given)[0]


def _checked(
    parts: Parts, kept: KeptImages, tenant: UUID, given: Any
) -> tuple[NewJob, list[Picture]]:
    return _read(partial(kept.resolve, tenant), parts.pool, tenant, given)


def _read(resolve: _Resolve, pool: str, tenant: UUID, given: Any) -> tuple[NewJob, list[Picture]]:
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
            pictures, wrong_images = resolve(around.model, given["input"])
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
        on_doubt=around.on_doubt,
        doubt_deadline=around.doubt_deadline,
    )
    return new, list(pictures.values())
