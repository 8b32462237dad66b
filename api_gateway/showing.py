"""A job as the answer to a request."""

from functools import lru_cache
from typing import Any

from fastapi import Request

from api_gateway import job_json
from api_gateway.parts import parts_of
from api_gateway.waiting import waiting_of
from db.rows import Job
from jobs.states import State


def base_of(request: Request) -> str:
    """The API's own address as the client wrote it, without a slash at its end."""
    scope = request.scope
    return _base(
        scope["scheme"], request.headers.get("host"), scope["server"], scope.get("root_path", "")
    )


@lru_cache(64)
def _base(scheme: str, host: str | None, server: tuple[str, int], root: str) -> str:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    scope = {"type": "http", "scheme": scheme, "server": server, "headers": headers}
    return str(Request({**scope, "root_path": root, "path": "/"}).base_url).rstrip("/")


async def show(request: Request, job: Job, *, forecast: bool = False) -> dict[str, Any]:
    """The job as JSON; a queued one with what it waits for and, if wanted, when it starts."""
    parts = parts_of(request)
    if job.finished_at is not None:
        keeps = await parts.kept_times.of_job(job)
        return job_json.document(job, base_of(request), None, keeps=keeps)
    if job.state is not State.QUEUED:
        return job_json.document(job, base_of(request), None)
    waiting = waiting_of(job, await parts.waiting.of(job))
    found = await parts.forecasts.of(job, waiting) if forecast and waiting else None
    return job_json.document(job, base_of(request), waiting, found)
