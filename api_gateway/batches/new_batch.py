"""The body that opens a batch, or changes one: every member checked, all that are wrong named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, TypeVar
from uuid import UUID

from api_gateway import envelope, storable
from api_gateway.job_answer import text_of
from api_gateway.kept_images import IMAGE_FOR_MANY, is_image_inside
from db.batch_rows import NewBatch
from jobs import money
from jobs.batches import MOST_JOBS
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput
from jobs.money import Money
from jobs.retention import LEAST, Keeps, read_span
from jobs.states import Priority

T = TypeVar("T")

LONGEST_NAME = 200
LARGEST_DEFAULTS = 65_536
"""Characters: they are read with each look at the batch, and filled in for each line."""
CONTINUE, STOP_AFTER = "continue", "stop_after_n"
OF_JOBS = tuple(one for one in envelope.MEMBERS if one not in {"priority", "group", "metadata"})
"""Members of a job that a batch may say for all its lines."""
MEMBERS = (
    *("name", "priority", "budget", "on_error", "stop_after", "keep_outputs", "keep_jobs"),
    *("metadata", *OF_JOBS),
    *("jobs", "matrix"),
)


class BatchChange(TypedDict, total=False):
    """What is to change of a batch; a member that is not there stays."""

    priority: Priority
    budget: Money | None


@dataclass
class _Members:
    """Takes members one by one, and remembers all that are wrong."""

    given: Mapping[str, Any]
    problems: list[FieldProblem]

    def take(self, name: str, reader: Callable[[Any], T], default: T) -> T:
        value = self.given.get(name)
        if value is None:
            return default
        try:
            return reader(value)
        except ValueError as error:
            self.problems.append(FieldProblem(name, str(error), shown(value)))
            return default


def read(given: Any, tenant: UUID, pool: str) -> NewBatch:
    """Raises `InvalidInput`. What a default parameter may be is checked with each line that uses it.

    Its lines, where they come with it: `whole_batch`.
    """
    members = _members(given, MEMBERS)
    stop_after = members.take("stop_after", _stop_after, None)
    on_error = members.take("on_error", _on_error, STOP_AFTER if stop_after else CONTINUE)
    if (on_error == STOP_AFTER) != (stop_after is not None):
        why = f"is needed with on_error {STOP_AFTER}, and only then"
        members.problems.append(FieldProblem("stop_after", why, shown(stop_after)))
    nothing: dict[str, Any] = {}
    found = NewBatch(
        tenant_id=tenant,
        pool=pool,
        name=members.take("name", _name, ""),
        defaults=_of_jobs(members),
        priority=members.take("priority", envelope.read_priority, Priority.NORMAL),
        budget=members.take("budget", _budget, None),
        stop_after=stop_after,
        metadata=members.take("metadata", envelope.read_metadata, nothing),
        keeps=Keeps(*(members.take(name, _kept(name), None) for name in LEAST)),
    )
    if members.problems:
        raise InvalidInput(members.problems)
    return found


def read_change(given: Any) -> BatchChange:
    """Raises `InvalidInput`. A budget that is null is none."""
    members = _members(given, ("priority", "budget"))
    found = BatchChange()
    if members.given.get("priority") is not None:
        found["priority"] = members.take("priority", envelope.read_priority, Priority.NORMAL)
    if "budget" in members.given:
        found["budget"] = members.take("budget", _budget, None)
    if members.problems:
        raise InvalidInput(members.problems)
    return found


def _members(given: Any, known: tuple[str, ...]) -> _Members:
    if not isinstance(given, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(given))])
    wrong = [
        FieldProblem(name, f"is no member here; there are {', '.join(known)}", shown(given[name]))
        for name in given
        if name not in known
    ]
    return _Members(given, wrong)


def _of_jobs(members: _Members) -> dict[str, Any]:
    """The defaults of its jobs, as they were given; wrong ones would be wrong in each line."""
    found = {name: members.given[name] for name in OF_JOBS if members.given.get(name) is not None}
    nothing: dict[str, Any] = {}
    given = members.take("input", _an_object, nothing)
    around, wrong = envelope.check(found, datetime.now(UTC))
    members.problems += [one for one in wrong if one.field in found]
    if around.model is not None:
        members.problems += [
            FieldProblem(
                f"input.{name}",
                f"is no parameter of {around.model.slug}; it has {', '.join(around.model.parameters)}",
                shown(value),
            )
            for name, value in given.items()
            if name not in around.model.parameters
        ]
    members.problems += [
        FieldProblem(f"input.{name}", IMAGE_FOR_MANY, shown(value))
        for name, value in given.items()
        if is_image_inside(name, value)
    ]
    if complaint := storable.complaint(given):
        members.problems.append(FieldProblem("input", complaint, shown(given)))
    if len(text_of(found)) > LARGEST_DEFAULTS:
        why = f"and what else all lines have may have {LARGEST_DEFAULTS:,} characters as JSON"
        members.problems.append(FieldProblem("input", why))
    return found


def _an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")  # noqa: TRY004  # `take` reads ValueErrors
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"must be a string of at most {LONGEST_NAME} characters")
    if complaint := storable.complaint(value):
        raise ValueError(complaint)
    return value


def _budget(value: Any) -> Money:
    """Decimal text, as everywhere: a JSON number may not be what its digits say."""
    try:
        found = money.parse(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found <= 0:
        raise ValueError('must be an amount of USD above 0 as text, such as "5.00"')
    return found


def _kept(name: str) -> Callable[[Any], timedelta | None]:
    def read(value: Any) -> timedelta | None:
        return read_span(value if isinstance(value, str) else "", name)

    return read


def _on_error(value: Any) -> str:
    if value not in (CONTINUE, STOP_AFTER):
        raise ValueError(f"must be {CONTINUE} or {STOP_AFTER}")
    return str(value)


def _stop_after(value: Any) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, int) or not whole or not 1 <= value <= MOST_JOBS:
        raise ValueError(f"must be an integer from 1 to {MOST_JOBS:,}")
    return value
