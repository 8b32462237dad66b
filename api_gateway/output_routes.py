"""A job's images."""

from datetime import UTC, datetime
from typing import Any

import anyio
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_gateway import etags, problems, times
from api_gateway.auth import Reader
from api_gateway.byte_ranges import asked_part
from api_gateway.job_routes import id_of
from api_gateway.kept_bytes import kept_bytes
from api_gateway.openapi import headers, refuses
from api_gateway.parts import Parts, parts_of
from api_gateway.problems import Problem
from api_gateway.query import Query
from db.rows import Job, Output
from jobs.catalog.inputs import shown
from jobs.errors import NotFound

router = APIRouter(tags=["outputs"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGES = dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _BINARY)
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_A_YEAR = 31_536_000
_PATH = "/api/v1/jobs/{job_id}/outputs/{n}"
_DOWNLOADS = {"1": True, "true": True, "0": False, "false": False}
_DOWNLOAD: dict[str, Any] = {
    "name": "download",
    "in": "query",
    "required": False,
    "description": "Whether a browser is to save the image instead of showing it.",
    "schema": {"enum": list(_DOWNLOADS), "default": "0"},
}


def _headers(*names: str) -> dict[str, Any]:
    return headers({name: _SAYS[name] for name in names})


_SAYS = {
    "ETag": "The image's SHA-256 in quotes; a strong one",
    "Cache-Control": "For a year, or as long as the image is kept; in the client's own cache only",
    "X-Content-Type-Options": "`nosniff`",
    "Content-Disposition": "`inline`, or `attachment` with `download=1`; and a name for the file",
    "Content-Length": "Bytes of this answer",
    "Content-Range": "Which bytes of how many",
    "Accept-Ranges": "`bytes`",
}
_ALWAYS = ("ETag", "Cache-Control", "X-Content-Type-Options", "Content-Disposition")
_OF_FILE = (*_ALWAYS, "Content-Length", "Accept-Ranges")
_REFUSALS = refuses(401, 404, 410, 416, 422, 503)
_REFUSALS[416] = {**_REFUSALS[416], "headers": _headers("Content-Range")}


@router.head(_PATH, include_in_schema=False)
@router.get(
    _PATH,
    summary="Fetch an image",
    response_class=Response,
    responses={
        200: {
            "description": "The image, byte for byte as it was kept",
            "content": _IMAGES,
            "headers": _headers(*_OF_FILE),
        },
        206: {
            "description": "The range that was asked for",
            "content": _IMAGES,
            "headers": _headers(*_OF_FILE, "Content-Range"),
        },
        304: {"description": "The client has it", "headers": _headers(*_ALWAYS)},
        **_REFUSALS,
    },
    openapi_extra={"parameters": [_DOWNLOAD]},
)
async def output(request: Request, tenant: Reader, job_id: str, n: str) -> Response:
    """The n-th image of a job, counted from 0. It never changes; its ETag is its SHA-256.

    Once its time has passed it is removed, and the answer is 410. HEAD answers the same without the
    image. A range, If-Range and If-None-Match are heeded; who asks
    for several ranges at once gets the whole.
    """
    query = Query(request.query_params, ("download",))
    disposition = "attachment" if query.one("download", _yes_or_no, False) else "inline"
    query.refuse()
    parts = parts_of(request)
    job = await run_in_threadpool(parts.jobs.get, tenant, id_of(job_id))
    found = _found(job, n)
    etag = f'"{found.sha256}"'
    own = {
        "ETag": etag,
        "Cache-Control": f"private, max-age={await _seconds_left(parts, job)}, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'{disposition}; filename="{_file_name(job, found)}"',
    }
    if etags.has_it(request, etag):
        return Response(status_code=304, headers=own)
    own["Accept-Ranges"] = "bytes"
    part = asked_part(request, etag, found.bytes)
    if part is not None:
        own["Content-Range"] = part.content_range
    try:
        if request.method == "HEAD":
            return await _head(parts, found, own)
        return await kept_bytes(
            parts.artifacts,
            found.artifact,
            part.first if part else 0,
            part.length if part else found.bytes,
            parts.download_threads,
            status_code=206 if part else 200,
            media_type=found.content_type,
            headers=own,
        )
    except FileNotFoundError:
        # Its time may have passed since the job was read.
        _found(await run_in_threadpool(parts.jobs.get, tenant, job.id), n)
        raise NotFound(f"output {n} of job {job.id} is no longer kept") from None


def _found(job: Job, n: str) -> Output:
    """Raises `NotFound`, and the 410 problem of what has been removed."""
    if job.data_removed_at is not None:
        raise _removed(f"the data of job {job.id} was", job.data_removed_at)
    found = next((one for one in job.outputs if str(one.n) == n), None)
    if found is None:
        raise NotFound(f"job {job.id} has no output {shown(n)}; it has {len(job.outputs)}")
    if job.outputs_removed_at is not None:
        raise _removed(f"the images of job {job.id} were", job.outputs_removed_at)
    return found


def _removed(what: str, at: datetime) -> Problem:
    when = times.text(at)
    words = f"{what} removed at {when}, when the time had passed for which they are kept"
    return Problem(problems.DATA_REMOVED, words, members={"removed_at": when})


async def _seconds_left(parts: Parts, job: Job) -> int:
    """For how long an image may be cached: no longer than it is kept."""
    until = None
    if job.finished_at is not None:
        until = (await parts.kept_times.of_job(job)).until(job.finished_at).outputs
    if until is None:
        return _A_YEAR
    return max(0, min(_A_YEAR, int((until - datetime.now(UTC)).total_seconds())))


async def _head(parts: Parts, output: Output, own: dict[str, str]) -> Response:
    has = await anyio.to_thread.run_sync(
        parts.artifacts.has, output.artifact, limiter=parts.download_threads
    )
    if not has:
        raise FileNotFoundError(output.artifact)
    own["Content-Length"] = str(output.bytes)
    return Response(media_type=output.content_type, headers=own)


def _yes_or_no(text: str) -> bool:
    if text not in _DOWNLOADS:
        raise ValueError(f"must be one of {', '.join(_DOWNLOADS)}")
    return _DOWNLOADS[text]


def _file_name(job: Job, output: Output) -> str:
    """All of its parts are plain ASCII: a slug, a UUID, a number."""
    return f"{job.model}-{job.id}-{output.n}{_SUFFIXES.get(output.content_type, '')}"
