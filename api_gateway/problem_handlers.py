"""Every exception, and every refusal that a library words itself, as a problem."""

from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway import budget_json, problems
from api_gateway.problems import Kind, Problem
from db.artifacts import ArtifactsAway
from jobs import money
from jobs.errors import (
    BatchBudgetExceeded,
    BudgetExceeded,
    FieldProblem,
    IllegalMove,
    InvalidInput,
    NotAllowed,
    NotFound,
    RequestHeld,
    TooManyQueued,
    Unavailable,
)
from jobs.money import Money

log = structlog.get_logger()


def problem_of(error: Exception) -> Problem:
    """The one table from exceptions to problems."""
    match error:
        case Problem():
            return error
        case InvalidInput():
            count = len(error.problems)
            detail = "1 field is wrong" if count == 1 else f"{count} fields are wrong"
            return Problem(problems.INVALID_FIELDS, detail, error.problems)
        case NotFound() | IllegalMove() | RequestHeld():
            return Problem(_IN_THEIR_WORDS[type(error)], str(error))
        case NotAllowed() | TooManyQueued() | BudgetExceeded() | BatchBudgetExceeded():
            return _refusal(error)
        case RequestValidationError():
            wrong = [
                FieldProblem(".".join(map(str, one["loc"])), str(one["msg"]))
                for one in error.errors()
            ]
            return Problem(problems.INVALID_FIELDS, "the request does not fit", wrong)
        case HTTPException():
            kind = problems.BY_STATUS.get(error.status_code, problems.MALFORMED)
            return Problem(kind, _DETAILS.get(kind, str(error.detail)), headers=error.headers)
        case Unavailable():
            # Without the statement and its values: they hold what callers wrote.
            log.warning("sql_unavailable", error=type(error.__cause__).__name__)
            return Problem(
                problems.UNAVAILABLE,
                "The database does not answer. Whether what was asked has been done is not known.",
                headers={"Retry-After": "1"},
            )
        case ArtifactsAway():
            log.warning("artifacts_unavailable", reason=str(error))
            return Problem(
                problems.UNAVAILABLE,
                "The store of images does not answer.",
                headers={"Retry-After": "1"},
            )
        case ClientDisconnect():
            return Problem(problems.MALFORMED, "the request's body did not come whole")
        case _:
            return Problem(problems.INTERNAL, "This is a fault of the server; its log says more.")


def _refusal(
    error: NotAllowed | TooManyQueued | BudgetExceeded | BatchBudgetExceeded,
) -> Problem:
    """Refusals that a program can do something about: with what it needs for that."""
    match error:
        case NotAllowed():
            challenge = f'Bearer error="insufficient_scope", scope="{error.scope}"'
            return Problem(
                problems.INSUFFICIENT_SCOPE,
                str(error),
                headers={"WWW-Authenticate": challenge},
                members={"scope": error.scope},
            )
        case TooManyQueued():
            return Problem(
                problems.TOO_MANY_QUEUED,
                str(error),
                headers={"Retry-After": str(error.retry_after)},
                members={"queued": error.queued, "max_queued": error.max_queued},
            )
        case BudgetExceeded():
            numbers = budget_json.numbers(error.budget)
            members = {**numbers, "asked": money.text(error.asked)}
            return Problem(problems.BUDGET_EXCEEDED, str(error), members=members)
        case BatchBudgetExceeded():
            members = {
                "limit": money.text(error.budget),
                "left": money.text(Money(error.budget - error.committed)),
                "asked": money.text(error.asked),
            }
            return Problem(problems.BUDGET_EXCEEDED, str(error), members=members)


_IN_THEIR_WORDS: dict[type[Exception], Kind] = {
    NotFound: problems.NOT_FOUND,
    IllegalMove: problems.ILLEGAL_MOVE,
    RequestHeld: problems.REQUEST_HELD,
}
_DETAILS = {
    problems.NOT_FOUND: "there is nothing at this address",
    problems.WRONG_METHOD: "this address does not take this method; Allow names those it takes",
}

EXPECTED = (
    *(Problem, InvalidInput, NotFound, IllegalMove, RequestHeld, RequestValidationError),
    *(NotAllowed, TooManyQueued, BudgetExceeded, BatchBudgetExceeded),
    *(HTTPException, Unavailable, ArtifactsAway, ClientDisconnect),
)
HANDLED = (*EXPECTED, Exception)


async def handle(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.kind is problems.WRONG_METHOD and (allowed := _methods_of(request)):
        problem.headers = {"Allow": allowed}
    return problems.answer(problem, request.url.path)


def _methods_of(request: Request) -> str:
    """All that the address takes; Starlette itself names those of the first route alone."""
    methods: set[str] = set()
    for route in request.app.state.addresses:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods
    return ", ".join(sorted(methods))


class ProblemsOnly:
    """Rewords the errors that a library answers with by itself, such as a file's wrong range."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reworded = False

        async def watch(message: Message) -> None:
            nonlocal reworded
            if message["type"] == "http.response.start" and _is_foreign(message):
                reworded = True
                await _reworded(message, scope["path"])(scope, receive, send)
            elif not reworded:
                await send(message)

        await self._app(scope, receive, watch)


def _is_foreign(start: Message) -> bool:
    media_type = dict(start.get("headers", ())).get(b"content-type", b"")
    return start["status"] >= 400 and not media_type.startswith(problems.MEDIA_TYPE.encode())


def _reworded(start: Message, path: str) -> Response:
    status: int = start["status"]
    kind = problems.BY_STATUS.get(status) or Kind("refused", status, "The request was refused")
    kept: dict[str, Any] = {
        name.decode(): value.decode()
        for name, value in start["headers"]
        if name in {b"content-range", b"allow", b"retry-after"}
    }
    return problems.answer(Problem(kind, f"{kind.title}.", headers=kept), path)
