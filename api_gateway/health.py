"""For whoever starts and watches the process."""

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from api_gateway import problems
from api_gateway.openapi import answers
from api_gateway.parts import Parts, parts_of
from api_gateway.problems import Problem
from api_gateway.redis_away import REDIS_AWAY
from jobs.errors import FieldProblem, Unavailable

_PATIENCE_SECONDS = 3.0

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get(
    "/healthz",
    summary="Is the process alive?",
    responses=answers(200, "Health", "It is"),
)
async def healthz() -> JSONResponse:
    return JSONResponse({"status": "alive"})


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Can it serve?",
    responses=answers(200, "Health", "SQL and Redis answer", 503),
)
async def readyz(request: Request) -> JSONResponse:
    parts = parts_of(request)
    wrong = [
        FieldProblem(name, "does not answer")
        for name, answers_now in (("sql", await _sql(parts)), ("redis", await _redis(parts)))
        if not answers_now
    ]
    if wrong:
        names = " and ".join(one.field for one in wrong)
        raise Problem(problems.UNAVAILABLE, f"not ready: {names}", wrong)
    return JSONResponse({"status": "ready"})


async def _sql(parts: Parts) -> bool:
    """Whether a real query works: it shows that the tables are there too."""
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            await anyio.to_thread.run_sync(
                parts.accounts.of_pool, parts.pool, abandon_on_cancel=True
            )
    except (Unavailable, SQLAlchemyError, TimeoutError):
        return False
    return True


async def _redis(parts: Parts) -> bool:
    try:
        await parts.redis.ping()
    except REDIS_AWAY:
        return False
    return True
