"""What stands around a job's `input`: checks every member and names all that are wrong."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from api_gateway import storable, times
from jobs import catalog
from jobs.catalog.inputs import shown
from jobs.catalog.model import Model
from jobs.doubts import OnDoubt
from jobs.errors import FieldProblem, UnknownModel
from jobs.limits import LONGEST_GROUP
from jobs.states import Priority

T = TypeVar("T")

OF_BATCHES = "batch:"
"""How the groups of batches begin."""
MOST_TAGS = 20
LONGEST_TAG = 100
LARGEST_METADATA = 16 * 1024
MOST_ATTEMPTS = 10
DEFAULT_ATTEMPTS = 3
FURTHEST_RUN_AT = timedelta(days=100 * 365)
MEMBERS = (
    *("model", "input", "priority", "group", "tags", "run_at", "start_by", "finish_by"),
    *("max_attempts", "metadata", "on_doubt", "doubt_deadline"),
)


@dataclass(frozen=True)
class Envelope:
    """A submit's members. `model` is None where it was wrong, and others their default then."""

    model: Model | None
    priority: Priority
    group: str
    tags: tuple[str, ...]
    run_at: datetime | None
    start_by: datetime | None
    finish_by: datetime | None
    max_attempts: int
    metadata: dict[str, Any]
    on_doubt: OnDoubt
    doubt_deadline: datetime | None


def check(body: Mapping[str, Any], now: datetime) -> tuple[Envelope, list[FieldProblem]]:
    """The envelope, and every problem found. An optional member that is null was not given."""
    problems = [
        FieldProblem(name, f"is no member of a job; it has {', '.join(MEMBERS)}", shown(body[name]))
        for name in body
        if name not in MEMBERS
    ]
    problems += [
        FieldProblem(name, "is required") for name in ("model", "input") if name not in body
    ]

    def take(name: str, reader: Callable[[Any], T], default: T, *, required: bool = False) -> T:
        if name not in body or (body[name] is None and not required):
            return default
        try:
            return reader(body[name])
        except ValueError as error:
            problems.append(FieldProblem(name, str(error), shown(body[name])))
            return default

    nothing: dict[str, Any] = {}
    envelope = Envelope(
        model=take("model", _model, None, required=True),
        priority=take("priority", read_priority, Priority.NORMAL),
        group=take("group", read_group, ""),
        tags=take("tags", read_tags, ()),
        run_at=(run_at := take("run_at", lambda value: _run_at(value, now), None)),
        start_by=take("start_by", lambda value: read_bound(value, now, run_at), None),
        finish_by=take("finish_by", lambda value: read_bound(value, now, run_at), None),
        max_attempts=take("max_attempts", _attempts, DEFAULT_ATTEMPTS),
        metadata=take("metadata", read_metadata, nothing),
        on_doubt=take("on_doubt", read_on_doubt, OnDoubt.HOLD),
        doubt_deadline=take("doubt_deadline", lambda value: read_bound(value, now, run_at), None),
    )
    return envelope, problems


def _model(value: object) -> Model | None:
    if not isinstance(value, str):
        raise ValueError("must be a string: the model's slug")  # noqa: TRY004  # `take` reads ValueErrors
    try:
        return catalog.model(value)
    except UnknownModel as error:
        raise ValueError(f"must be one of {list(error.known)}") from None


def read_priority(value: object) -> Priority:
    try:
        return Priority(value)  # type: ignore[arg-type]  # a value of any type is refused alike
    except ValueError:
        raise ValueError(f"must be one of {[str(one) for one in Priority]}") from None


def read_on_doubt(value: object) -> OnDoubt:
    try:
        return OnDoubt(value)  # type: ignore[arg-type]  # a value of any type is refused alike
    except ValueError:
        raise ValueError(f"must be one of {[str(one) for one in OnDoubt]}") from None


def read_group(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_GROUP:
        raise ValueError(f"must be a string of at most {LONGEST_GROUP} characters")
    if value.startswith(OF_BATCHES):
        raise ValueError(f"must not begin with {OF_BATCHES}: such a group is a batch's own")
    _refuse_unstorable(value)
    return value


def read_tags(value: object) -> tuple[str, ...]:
    allowed = f"must be a list of at most {MOST_TAGS} strings of at most {LONGEST_TAG} characters"
    if not isinstance(value, list):
        raise ValueError(allowed)  # noqa: TRY004  # `take` reads ValueErrors
    if len(value) > MOST_TAGS:
        raise ValueError(f"{allowed}, not {len(value)}")
    for number, tag in enumerate(value, 1):
        if not isinstance(tag, str) or len(tag) > LONGEST_TAG:
            raise ValueError(f"{allowed}; number {number} is {shown(tag)}")
    _refuse_unstorable(value)
    return tuple(value)


def _run_at(value: object, now: datetime) -> datetime:
    """One that has passed is now. One far away is a slip, and the job would wait in vain."""
    moment = times.parse(value)
    if moment > now + FURTHEST_RUN_AT:
        raise ValueError(f"must be within {FURTHEST_RUN_AT.days // 365} years from now")
    return moment


def read_bound(value: object, now: datetime, run_at: datetime | None) -> datetime:
    moment = times.parse(value)
    if moment <= now:
        raise ValueError(f"must be in the future; it is {times.text(now)}")
    if run_at is not None and moment <= run_at:
        raise ValueError(f"must be after run_at, {times.text(run_at)}")
    return moment


def _attempts(value: object) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, int) or not whole or not 1 <= value <= MOST_ATTEMPTS:
        raise ValueError(f"must be an integer from 1 to {MOST_ATTEMPTS}")
    return value


def read_metadata(value: object) -> dict[str, Any]:
    allowed = f"must be an object of at most {LARGEST_METADATA:,} bytes as JSON"
    if not isinstance(value, dict):
        raise ValueError(allowed)  # noqa: TRY004  # `take` reads ValueErrors
    _refuse_unstorable(value)
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > LARGEST_METADATA:
        raise ValueError(f"{allowed}, not {size:,}")
    return value


def _refuse_unstorable(value: object) -> None:
    complaint = storable.complaint(value)
    if complaint:
        raise ValueError(complaint)
