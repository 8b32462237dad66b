"""What a pause or a resume is of: checks every member and names all that are wrong."""

from dataclasses import dataclass
from typing import Any

from api_gateway import storable
from jobs.catalog import MODELS
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput
from jobs.limits import LONGEST_GROUP, LONGEST_NAME

LONGEST_REASON = 500
_PLACES = {
    "tenant": LONGEST_NAME,
    "group": LONGEST_GROUP,
    "account": LONGEST_NAME,
    "model": LONGEST_NAME,
}
"""Each with how many characters it may have."""


@dataclass(frozen=True)
class PauseWish:
    """A tenant, or a group (of one's own tenant where none is named), or an account, or a model."""

    tenant: str | None = None
    group: str | None = None
    account: str | None = None
    model: str | None = None
    reason: str = ""


def read(body: Any, *, with_reason: bool) -> PauseWish:
    """Raises `InvalidInput`. A member that is null was not given."""
    if not isinstance(body, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(body))])
    bounds = {**_PLACES, **({"reason": LONGEST_REASON} if with_reason else {})}
    wrong = [
        FieldProblem(name, f"is no member of this; it has {', '.join(bounds)}", shown(body[name]))
        for name in body
        if name not in bounds
    ]
    given = {name: body[name] for name in bounds if body.get(name) is not None}
    wrong += [
        FieldProblem(name, complaint, shown(value))
        for name, value in given.items()
        if (complaint := _complaint(value, bounds[name]))
    ]
    model = given.get("model")
    if with_reason and isinstance(model, str) and model not in MODELS:
        # To end a pause of one that is no more is allowed, and nothing else ends it.
        what = f"is no model; there are {', '.join(sorted(MODELS))}"
        wrong.append(FieldProblem("model", what, shown(model)))
    places = given.keys() & _PLACES.keys()
    if places != {"tenant", "group"} and len(places) != 1:
        what = "name one of tenant, group, account and model; tenant may stand beside group"
        wrong.append(FieldProblem("body", what, shown(sorted(places))))
    if wrong:
        raise InvalidInput(wrong)
    return PauseWish(**given)


def read_reason(given: dict[str, Any]) -> str:
    """Of a body that holds nothing else. Raises `InvalidInput`."""
    wrong = [
        FieldProblem(name, "is no member of this; it has reason", shown(given[name]))
        for name in given
        if name != "reason"
    ]
    reason = given.get("reason")
    if reason is not None and (complaint := _complaint(reason, LONGEST_REASON)):
        wrong.append(FieldProblem("reason", complaint, shown(reason)))
    if wrong:
        raise InvalidInput(wrong)
    return str(reason or "")


def _complaint(value: object, most: int) -> str | None:
    if not isinstance(value, str) or len(value) > most:
        return f"must be a text of at most {most} characters"
    return storable.complaint(value)
