"""`GET /api/v1/budget`: what the tenant may spend, and what is left of it."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api_gateway import budget_json, query
from api_gateway.auth import Reader
from api_gateway.openapi import answers
from api_gateway.parts import parts_of

router = APIRouter(tags=["account"])


@router.get(
    "/api/v1/budget",
    summary="Read your budgets",
    responses=answers(200, "Budgets", "As they are now", 401, 422, 503),
)
async def budget(request: Request, tenant: Reader) -> JSONResponse:
    """Each that the operator has set for you: in all, a day, a month (UTC). None: there is no bound.

    What jobs and calls under way may still cost is reserved until they have ended.
    """
    query.none(request)
    found = await run_in_threadpool(parts_of(request).budgets.of_tenant, tenant)
    content = {"budgets": [budget_json.document(one) for one in found]}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
