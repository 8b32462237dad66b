"""Reading a job, waiting for it, and canceling it."""

import asyncio
import contextlib
import time
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api_gateway.auth import Tenant, confirm
from api_gateway.openapi import answers
from api_gateway.parts import parts_of
from api_gateway.showing import show
from db.rows import Job
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput, NotFound
from jobs.states import FINAL, State

LONGEST_WAIT = 60
READ_AGAIN_SECONDS = 2.0
"""A hint may be lost, so a waiting read looks at the row this often."""

router = APIRouter(tags=["jobs"])

_WAIT: dict[str, Any] = {
    "name": "wait",
    "in": "query",
    "required": False,
    "description": "Answer when the job is final or in doubt, or after so many seconds.",
    "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_WAIT},
}


@router.get(
    "/api/v1/jobs/{job_id}",
    summary="Read a job, or wait for it",
    responses=answers(200, "Job", "The job as it is now", 401, 404, 422, 503),
    openapi_extra={"parameters": [_WAIT]},
)
async def read(request: Request, tenant: Tenant, job_id: str) -> JSONResponse:
    """With `wait` the answer comes as soon as the job is final or in doubt, else after so long."""
    found = id_of(job_id)
    wait = _seconds(request.query_params.get("wait"))
    job = await run_in_threadpool(parts_of(request).jobs.get, tenant, found)
    if wait and not _is_settled(job):
        job = await _wait(request, tenant, found, wait)
    return JSONResponse(await show(request, job))


@router.post(
    "/api/v1/jobs/{job_id}/cancel",
    summary="Cancel a job",
    responses=answers(200, "Job", "Canceled, or asked to be", 401, 404, 409, 503),
)
async def cancel(request: Request, tenant: Tenant, job_id: str) -> JSONResponse:
    """A waiting job ends at once. A running one's call is let finish and paid; then it ends."""
    found = id_of(job_id)
    parts = parts_of(request)
    job = await run_in_threadpool(parts.jobs.cancel, tenant, found)
    await parts.hints.publish(found)
    return JSONResponse(await show(request, job))


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
    async with parts.hints.listen(job_id) as heard:
        while True:
            # Cleared before the look, so that what changes after it is noticed.
            heard.clear()
            await confirm(request)
            job = await run_in_threadpool(parts.jobs.get, tenant, job_id)
            left = ends_at - time.monotonic()
            if _is_settled(job) or left <= 0 or parts.hints.closed:
                return job
            if await request.is_disconnected():
                return job
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), min(left, READ_AGAIN_SECONDS))


def _is_settled(job: Job) -> bool:
    return job.state in FINAL or job.state is State.IN_DOUBT


def _seconds(text: str | None) -> int:
    if text is None:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LONGEST_WAIT:
        return int(text)
    allowed = f"must be a whole number of seconds from 1 to {LONGEST_WAIT}"
    raise InvalidInput([FieldProblem("wait", allowed, shown(text))])
