"""`POST /api/v1/estimate`: what jobs would cost and when they would run; nothing is kept."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, estimate_body, estimates, problems, strict_json
from api_gateway.auth import Reader
from api_gateway.estimate_body import Wanted
from api_gateway.job_in import checked
from api_gateway.openapi import answers, body, reference
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
from api_gateway.submit_route import LARGEST_BODY, SMALL_BODY

router = APIRouter(tags=["jobs"])

_BODY: dict[str, Any] = {
    "anyOf": [
        reference(name)
        for name in ("Submit", "EstimateOfMany", "EstimateOfCopies", "EstimateOfMatrix")
    ]
}


@router.post(
    "/api/v1/estimate",
    summary="Estimate jobs",
    responses=answers(200, "Estimate", "As it looks now", *(400, 401, 408, 413, 415, 422, 503)),
    openapi_extra=body(**{"application/json": {"schema": _BODY}}),
)
async def estimate(request: Request, tenant: Reader) -> JSONResponse:
    """Takes a job as `POST /api/v1/jobs` does, a `job` and its `count`, `jobs`, a list of both, or a
    `job` and a `matrix` as a batch takes it.

    It is checked as a submit is, and nothing is kept: no job, and no image. Others may submit in
    the meantime.
    """
    if bodies.media_type(request) != "application/json":
        raise Problem(problems.WRONG_TYPE, "send the jobs as Content-Type: application/json")
    raw = await bodies.read(request, LARGEST_BODY)
    parts = parts_of(request)

    def check() -> list[Wanted]:
        return estimate_body.read(strict_json.parse(raw), partial(checked, parts, tenant))

    small = len(raw) <= SMALL_BODY
    wanted = await (run_in_threadpool(check) if small else parts.with_images(check))
    view = await parts.forecasts.view(parts.pool, tenant)
    alike = {estimates.kind_of(one.job): one.job for one in wanted}
    waiting = {kind: await parts.waiting.of(job) for kind, job in alike.items()}
    budgets = await run_in_threadpool(parts.budgets.of_tenant, tenant)
    found = await run_in_threadpool(estimates.document, wanted, view, waiting, budgets)
    return JSONResponse(found, headers={"Cache-Control": "no-store"})
