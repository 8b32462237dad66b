"""The short way to the two routes that are asked most: a submit, and the reading of a job.

The framework's way to a route (ten layers, the search for it, the solving of its dependencies) was
measured to take more processor time than these routes themselves. They stand in the framework all
the same, which knows them from there for the contract, for `Allow` and for addresses like theirs.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api_gateway import job_routes, submit_route
from api_gateway.auth import tenant_asking
from api_gateway.problem_handlers import EXPECTED, handle
from jobs.scopes import Scope as KeyScope

_JOBS = "/api/v1/jobs"
_JOB = f"{_JOBS}/"

_Act = Callable[[Request, UUID], Awaitable[Response]]


class HotRoutes:
    """Serves those two by itself, and hands everything else on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        act, needs = _act_of(scope)
        if act is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await act(request, await tenant_asking(request, needs))
        except EXPECTED as error:  # any other is answered, and logged, by the outermost layer
            response = await handle(request, error)
        await response(scope, receive, send)


def _act_of(scope: Scope) -> tuple[_Act | None, KeyScope]:
    """What serves it, and the scope that its key needs."""
    if scope["type"] != "http":
        return None, KeyScope.READ
    method, path = scope["method"], scope["path"]
    if method == "POST" and path == _JOBS:
        return submit_route.submit, KeyScope.SUBMIT
    if method == "GET" and path.startswith(_JOB):
        job_id = path[len(_JOB) :]
        # As the framework has it: a job's id is one whole segment.
        if job_id and "/" not in job_id:
            return partial(_read, job_id=job_id), KeyScope.READ
    return None, KeyScope.READ


def _read(request: Request, tenant: UUID, *, job_id: str) -> Awaitable[Response]:
    return job_routes.read(request, tenant, job_id)
