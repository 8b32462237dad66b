"""What may change of a job: a JSON Merge Patch (RFC 7386) of seven members, and of which jobs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from api_gateway import envelope, times
from db.job_changes import JobChange
from db.rows import Job
from jobs.catalog.inputs import shown
from jobs.changing import OF_DOUBTS
from jobs.doubts import OnDoubt
from jobs.errors import FieldProblem, InvalidInput
from jobs.limits import LONGEST_GROUP
from jobs.states import Priority

MEMBERS = ("priority", "group", "tags", "start_by", "finish_by", *OF_DOUBTS)

_TIME = {"type": ["string", "null"], "format": "date-time"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "priority": {"enum": [*map(str, Priority), None]},
        "group": {"type": ["string", "null"], "maxLength": LONGEST_GROUP},
        "tags": {
            "type": ["array", "null"],
            "items": {"type": "string", "maxLength": envelope.LONGEST_TAG},
            "maxItems": envelope.MOST_TAGS,
        },
        "start_by": _TIME,
        "finish_by": _TIME,
        "on_doubt": {"enum": [*map(str, OnDoubt), None]},
        "doubt_deadline": _TIME,
    },
}
"""For the OpenAPI document."""


def read(body: Any, now: datetime) -> JobChange:
    """The change that a body asks for; null sets a member back. Raises `InvalidInput`."""
    if not isinstance(body, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(body))])
    readers: dict[str, Callable[[Any], Any]] = {
        "priority": envelope.read_priority,
        "group": envelope.read_group,
        "tags": envelope.read_tags,
        "start_by": lambda value: envelope.read_bound(value, now, None),
        "finish_by": lambda value: envelope.read_bound(value, now, None),
        "on_doubt": envelope.read_on_doubt,
        "doubt_deadline": lambda value: envelope.read_bound(value, now, None),
    }
    change: JobChange = {}
    wrong: list[FieldProblem] = []
    for name, value in body.items():
        if name not in readers:
            wrong.append(FieldProblem(name, _not_changed(name), shown(value)))
            continue
        try:
            change[name] = _CLEARED[name] if value is None else readers[name](value)  # type: ignore[literal-required]  # one of MEMBERS
        except ValueError as error:
            wrong.append(FieldProblem(name, str(error), shown(value)))
    if wrong:
        raise InvalidInput(wrong)
    return change


def must_fit(change: JobChange, job: Job) -> None:
    """Raises `InvalidInput` for a change that does not fit the job as it is now."""
    wrong = []
    for name, bound in (
        ("start_by", change.get("start_by")),
        ("finish_by", change.get("finish_by")),
        ("doubt_deadline", change.get("doubt_deadline")),
    ):
        if bound is None:
            continue
        if name == "start_by" and job.started_at is not None:
            why = f"bounds the first start only, and that was at {times.text(job.started_at)}"
        elif job.run_at is not None and bound <= job.run_at:
            why = f"must be after run_at, {times.text(job.run_at)}"
        else:
            continue
        wrong.append(FieldProblem(name, why, times.text(bound)))
    if wrong:
        raise InvalidInput(wrong)


_CLEARED: dict[str, Any] = {
    "priority": Priority.NORMAL,
    "group": "",
    "tags": (),
    "start_by": None,
    "finish_by": None,
    "on_doubt": OnDoubt.HOLD,
    "doubt_deadline": None,
}


def _not_changed(name: str) -> str:
    known = ", ".join(MEMBERS)
    if name in envelope.MEMBERS:
        return f"cannot be changed of a job that was accepted; only {known} can"
    return f"is no member that can be changed; those are {known}"
