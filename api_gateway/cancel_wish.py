"""The body of a cancel: what becomes of the image of a call that is under way."""

from enum import StrEnum

from fastapi import Request

from api_gateway import bodies, problems, strict_json
from api_gateway.problems import Problem
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput


class CancelImage(StrEnum):
    KEEP = "keep"
    DROP = "drop"
    """It is paid for all the same."""


def drops(request: Request, raw: bytes) -> bool | None:
    """Whether the image is not wanted; None where the body, or no body, says nothing of it.

    Raises `InvalidInput`, and the problems of a body that cannot be read.
    """
    if not raw:
        return None
    if bodies.media_type(request) != "application/json":
        raise Problem(
            problems.WRONG_TYPE, "send the wish as Content-Type: application/json, or no body"
        )
    given = strict_json.parse(raw)
    if not isinstance(given, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(given))])
    wrong = [
        FieldProblem(name, "is no member of a cancel; it has image", shown(given[name]))
        for name in given
        if name != "image"
    ]
    wish = given.get("image")
    if wish is not None and wish not in list(CancelImage):
        allowed = f"must be one of {[str(one) for one in CancelImage]}"
        wrong.append(FieldProblem("image", allowed, shown(wish)))
    if wrong:
        raise InvalidInput(wrong)
    return None if wish is None else wish == CancelImage.DROP
