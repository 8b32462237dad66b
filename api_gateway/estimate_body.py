"""What is to be estimated: one job, a list of jobs, or one job many times."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from db.rows import NewJob
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput

MOST_JOBS = 1_000
"""Jobs in a list."""
MOST_COPIES = 10_000_000

Check = Callable[[Any], NewJob]
"""A submit's own check; raises `InvalidInput`."""


@dataclass(frozen=True)
class Wanted:
    """A checked job, and how often."""

    job: NewJob
    count: int = 1


def read(given: Any, check: Check) -> list[Wanted]:
    """Raises `InvalidInput` with a submit's own problems, each under where its job stands."""
    if isinstance(given, dict) and "jobs" in given:
        _refuse_others(given, ("jobs",))
        return _many(given["jobs"], check)
    if isinstance(given, dict) and "job" in given:
        _refuse_others(given, ("job", "count"))
        return _copies(given, check)
    return [Wanted(check(given))]


def _many(given: Any, check: Check) -> list[Wanted]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_JOBS:
        got = f"{len(given)} jobs" if isinstance(given, list) else shown(given)
        raise InvalidInput(
            [FieldProblem("jobs", f"must be a list of 1 to {MOST_JOBS:,} jobs", got)]
        )
    found: list[Wanted] = []
    wrong: list[FieldProblem] = []
    for n, one in enumerate(given):
        try:
            found.append(Wanted(check(one)))
        except InvalidInput as error:
            wrong += _placed(error, f"jobs[{n}]")
    if wrong:
        raise InvalidInput(wrong)
    return found


def _copies(given: Mapping[str, Any], check: Check) -> list[Wanted]:
    wrong: list[FieldProblem] = []
    count = 1 if given.get("count") is None else given["count"]
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not 1 <= count <= MOST_COPIES:
        allowed = f"must be an integer from 1 to {MOST_COPIES:,}"
        wrong.append(FieldProblem("count", allowed, shown(count)))
    try:
        job = check(given["job"])
    except InvalidInput as error:
        raise InvalidInput([*wrong, *_placed(error, "job")]) from None
    if wrong:
        raise InvalidInput(wrong)
    return [Wanted(job, count)]


def _placed(error: InvalidInput, place: str) -> list[FieldProblem]:
    """The problems of one job, under its place in the body."""
    return [
        replace(one, field=place if one.field == "body" else f"{place}.{one.field}")
        for one in error.problems
    ]


def _refuse_others(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    wrong = [
        FieldProblem(
            name, f"is not known here; beside it there are {', '.join(known)}", shown(value)
        )
        for name, value in given.items()
        if name not in known
    ]
    if wrong:
        raise InvalidInput(wrong)
