"""`GET /api/v1/tenant`: the tenant that a key opens, with its caps and how near to them it is."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api_gateway import query
from api_gateway.auth import Reader
from api_gateway.openapi import answers
from api_gateway.parts import Parts, parts_of
from api_gateway.pause_json import pause_json
from db.job_pages import MOST_COUNTED, JobPages
from db.tenants import TenantStore
from jobs.retention import Keeps, seconds_of
from jobs.states import WAITING, State

router = APIRouter(tags=["tenant"])


@router.get(
    "/api/v1/tenant",
    summary="Read your tenant",
    responses=answers(200, "Tenant", "As it is now", 401, 422, 503),
)
async def tenant(request: Request, tenant: Reader) -> JSONResponse:
    """Its weight, its caps, how long it keeps what, what pauses of it, and how many of its jobs wait
    and run.
    """
    query.none(request)
    parts = parts_of(request)
    keeps = await parts.kept_times.of(tenant)
    found = await run_in_threadpool(_read, parts, tenant, keeps)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _read(parts: Parts, tenant_id: UUID, keeps: Keeps) -> dict[str, Any]:
    store = TenantStore(parts.database)
    found = store.get(tenant_id)
    counts = JobPages(parts.database).counts(tenant_id)
    return {
        "name": found.name,
        "weight": found.weight,
        "max_queued": found.max_queued,
        "max_running": found.max_running,
        "keep_outputs_seconds": seconds_of(keeps.images),
        "keep_jobs_seconds": seconds_of(keeps.jobs),
        "queued": sum(counts[state] for state in WAITING),
        "running": counts[State.RUNNING],
        "counted_to": MOST_COUNTED,
        "pause": pause_json(found.pause),
        "groups": [
            {"group": one.name, "max_running": one.max_running, "pause": pause_json(one.pause)}
            for one in store.groups(tenant_id)
        ],
    }
