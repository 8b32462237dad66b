"""A job as the answer to a request."""

from typing import Any

from fastapi import Request

from api_gateway import job_json
from api_gateway.parts import parts_of
from db.rows import Job
from jobs.states import State


def base_of(request: Request) -> str:
    """The API's own address as the client wrote it, without a slash at its end."""
    return str(request.base_url).rstrip("/")


async def show(request: Request, job: Job) -> dict[str, Any]:
    """The job as JSON; a queued one with what it waits for."""
    waiting = None
    if job.state is State.QUEUED:
        waiting = await parts_of(request).waiting.of(job.pool, job.model)
    return job_json.document(job, base_of(request), waiting)
