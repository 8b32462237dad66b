"""A job's images."""

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_gateway.auth import Tenant
from api_gateway.job_routes import id_of
from api_gateway.openapi import refuses
from api_gateway.parts import parts_of
from jobs.catalog.inputs import shown
from jobs.errors import NotFound

router = APIRouter(tags=["outputs"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGES = dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _BINARY)
_PATH = "/api/v1/jobs/{job_id}/outputs/{n}"


@router.head(_PATH, include_in_schema=False)
@router.get(
    _PATH,
    summary="Fetch an image",
    response_class=Response,
    responses={
        200: {"description": "The image, byte for byte as it was kept", "content": _IMAGES},
        206: {"description": "The range that was asked for", "content": _IMAGES},
        304: {"description": "The client has it"},
        **refuses(400, 401, 404, 416, 503),
    },
)
async def output(request: Request, tenant: Tenant, job_id: str, n: str) -> Response:
    """The n-th image of a job, counted from 0. It never changes; its ETag is its SHA-256."""
    parts = parts_of(request)
    job = await run_in_threadpool(parts.jobs.get, tenant, id_of(job_id))
    found = next((one for one in job.outputs if str(one.n) == n), None)
    if found is None:
        raise NotFound(f"job {job.id} has no output {shown(n)}; it has {len(job.outputs)}")
    etag = f'"{found.sha256}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    if _has_it(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    path = parts.artifacts.path(found.artifact)
    if not await run_in_threadpool(path.is_file):
        raise NotFound(f"output {n} of job {job.id} is no longer kept")
    return FileResponse(path, media_type=found.content_type, headers=headers)


def _has_it(if_none_match: str, etag: str) -> bool:
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return etag in known or "*" in known
