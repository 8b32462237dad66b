"""Refusals as RFC 9457 has them: `application/problem+json`, for every answer that is an error."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from jobs.errors import FieldProblem

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""So many wrong fields are named; how many there are is said."""
_LONGEST_FIELD = 200


@dataclass(frozen=True)
class Kind:
    """A kind of refusal: its `type` is `/problems/<name>`."""

    name: str
    status: int
    title: str


MALFORMED = Kind("malformed-request", 400, "The request cannot be read")
UNAUTHORIZED = Kind("unauthorized", 401, "An API key is needed")
BUDGET_EXCEEDED = Kind("budget-exceeded", 402, "The budget does not cover this")
INSUFFICIENT_SCOPE = Kind("insufficient-scope", 403, "The API key may not do this")
NOT_FOUND = Kind("not-found", 404, "There is no such thing")
WRONG_METHOD = Kind("wrong-method", 405, "The method does not fit the address")
BODY_TIMEOUT = Kind("body-timeout", 408, "The body did not arrive in time")
ILLEGAL_MOVE = Kind("illegal-move", 409, "The job's state does not allow this")
REQUEST_HELD = Kind("request-held", 409, "Another call has this request")
KEY_IN_USE = Kind("idempotency-key-in-use", 409, "A request with this key is under way")
DATA_REMOVED = Kind("data-removed", 410, "It was here, and its time has passed")
TOO_LARGE = Kind("too-large", 413, "The body is too large")
WRONG_TYPE = Kind("wrong-content-type", 415, "The Content-Type does not fit")
WRONG_RANGE = Kind("wrong-range", 416, "The range lies outside")
INVALID_FIELDS = Kind("invalid-fields", 422, "Some fields are wrong")
KEY_REUSED = Kind("idempotency-key-reused", 422, "This key was used for another request")
TOO_MANY_QUEUED = Kind("too-many-queued", 429, "The tenant's queue is full")
HEAD_TOO_LARGE = Kind("head-too-large", 431, "The request's head is too large")
INTERNAL = Kind("internal", 500, "Something broke here")
UNAVAILABLE = Kind("unavailable", 503, "A part of the system does not answer")

BY_STATUS = {
    kind.status: kind
    for kind in (
        *(MALFORMED, UNAUTHORIZED, BUDGET_EXCEEDED, INSUFFICIENT_SCOPE, NOT_FOUND, WRONG_METHOD),
        *(BODY_TIMEOUT, ILLEGAL_MOVE, DATA_REMOVED, TOO_LARGE, WRONG_TYPE, WRONG_RANGE),
        INVALID_FIELDS,
        *(TOO_MANY_QUEUED, HEAD_TOO_LARGE, INTERNAL, UNAVAILABLE),
    )
}


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """A refusal, raised anywhere in a request."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        """`detail` is shown to the caller; `members` are what a program may want of it."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers
        self.members = dict(members or {})


def answer(problem: Problem, instance: str) -> Response:
    """The problem as a response; `instance` is the path that was asked for."""
    document: dict[str, Any] = {
        "type": f"/problems/{problem.kind.name}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
        "errors": [
            {"field": _short(error.field), "message": error.message, "got": error.got}
            for error in problem.errors[:MOST_ERRORS]
        ],
        **problem.members,
    }
    # Plain ASCII: a field's name may hold a lone surrogate, which has no UTF-8 form.
    return Response(
        json.dumps(document, ensure_ascii=True),
        problem.kind.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def _short(field: str) -> str:
    return field if len(field) <= _LONGEST_FIELD else f"{field[: _LONGEST_FIELD - 1]}…"


def printable(field: str) -> str:
    """A field's name, short and such as UTF-8 has: a caller's may hold a lone surrogate."""
    return _short(field.encode("utf-8", "backslashreplace").decode())
