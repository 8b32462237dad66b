"""Reading a job, and waiting for it."""

import asyncio
import contextlib
import time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import attempt_json, etags
from api_gateway.auth import Reader, tenant_asking
from api_gateway.openapi import answers, headers
from api_gateway.parts import Parts, parts_of
from api_gateway.query import Query, whole
from api_gateway.showing import show
from db.attempt_history import MOST_SHOWN, AttemptHistory
from db.jobs import no_job
from db.rows import Job
from jobs.catalog.inputs import shown
from jobs.errors import NotFound
from jobs.scopes import Scope
from jobs.states import FINAL, State

LONGEST_WAIT = 60
ATTEMPTS = "attempts"

router = APIRouter(tags=["jobs"])

_QUERY: list[dict[str, Any]] = [
    {
        "name": "wait",
        "in": "query",
        "required": False,
        "description": "Answer when the job is final or in doubt, or after so many seconds.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_WAIT},
    },
    {
        "name": "include",
        "in": "query",
        "required": False,
        "description": f"`{ATTEMPTS}`: the answer has `attempt_history`, the job's calls to "
        f"Segmind (its latest {MOST_SHOWN}).",
        "schema": {"type": "string", "enum": [ATTEMPTS]},
    },
]
_ETAG = {"ETag": "Of this answer, byte for byte"}
_IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An `ETag` of this address: answered with 304 while it still holds.",
    "schema": {"type": "string"},
}


@router.get(
    "/api/v1/jobs/{job_id}",
    summary="Read a job, or wait for it",
    response_class=Response,
    responses={
        **answers(200, "Job", "The job as it is now", 401, 404, 422, 503, says=_ETAG),
        304: {"description": "It is as the client has it", "headers": headers(_ETAG)},
    },
    openapi_extra={"parameters": [*_QUERY, _IF_NONE_MATCH]},
)
async def read(request: Request, tenant: Reader, job_id: str) -> Response:
    """With `wait` the answer comes as soon as the job is final or in doubt, else after so long.

    With `If-None-Match` too it is 304 when the job then still is as the client has it.
    """
    found = id_of(job_id)
    wait, with_attempts = _wanted(request)
    parts = parts_of(request)
    job = await _look(parts, tenant, found)
    if wait and not _is_settled(job):
        job = await _wait(request, tenant, found, wait)
    document = await show(request, job, forecast=True)
    if with_attempts:
        history = AttemptHistory(parts.database)
        attempts = await run_in_threadpool(history.of_job, tenant, found)
        document["attempt_history"] = attempt_json.documents(attempts)
    return etags.answer(request, document)


async def _look(parts: Parts, tenant: UUID, job_id: UUID) -> Job:
    job = await parts.reads.ask((tenant, job_id))
    if job is None:
        raise no_job(job_id)
    return job


def _wanted(request: Request) -> tuple[int, bool]:
    """How long to wait, in seconds, and whether the attempts are wanted."""
    if not request.scope["query_string"]:
        return 0, False
    query = Query(request.query_params, ("wait", "include"))
    wait = query.one("wait", whole(1, LONGEST_WAIT, " of seconds"), 0)
    with_attempts = query.one("include", _attempts, False)
    query.refuse()
    return wait, with_attempts


def _attempts(text: str) -> bool:
    if text != ATTEMPTS:
        raise ValueError(f"must be {ATTEMPTS}")
    return True


def id_of(text: str) -> UUID:
    """A job's id; raises `NotFound` for what cannot be one."""
    with contextlib.suppress(ValueError):
        found = UUID(text)
        # Python takes braces and a missing hyphen too; here an id has one spelling.
        if str(found) == text.lower():
            return found
    raise NotFound(f"there is no job {shown(text)}")


async def _wait(request: Request, tenant: UUID, job_id: UUID, seconds: int) -> Job:
    """Holds neither a thread nor a connection while it waits."""
    parts = parts_of(request)
    ends_at = time.monotonic() + seconds
    with parts.open_waits.one_more(tenant):
        async with parts.hints.listen(job_id) as heard:
            while True:
                # Cleared before the look, so that what changes after it is noticed.
                heard.clear()
                await tenant_asking(request, Scope.READ)
                job = await _look(parts, tenant, job_id)
                left = ends_at - time.monotonic()
                if _is_settled(job) or left <= 0 or parts.hints.closed:
                    return job
                if await request.is_disconnected():
                    return job
                with contextlib.suppress(TimeoutError):
                    pause = min(left, parts.open_waits.pause(tenant))
                    await asyncio.wait_for(heard.wait(), pause)


def _is_settled(job: Job) -> bool:
    return job.state in FINAL or job.state is State.IN_DOUBT
