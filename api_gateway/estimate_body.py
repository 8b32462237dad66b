"""What is to be estimated: one job, a list of jobs, one job many times, or a matrix of jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api_gateway.batches import matrix
from db.rows import NewJob
from jobs.catalog import MODELS
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
    if isinstance(given, dict) and "matrix" in given:
        _refuse_others(given, ("job", "matrix"))
        return _matrix(given, check)
    return _some(given, check)


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
            found += _some(one, check)
        except InvalidInput as error:
            wrong += _placed(error, f"jobs[{n}]")
    if not wrong and sum(one.count for one in found) > MOST_COPIES:
        wrong.append(FieldProblem("jobs", f"may be at most {MOST_COPIES:,} in all"))
    if wrong:
        raise InvalidInput(wrong)
    return found


def _some(given: Any, check: Check) -> list[Wanted]:
    """A job, or one with its `count`."""
    if isinstance(given, dict) and "job" in given:
        _refuse_others(given, ("job", "count"))
        return _copies(given, check)
    return [Wanted(check(given))]


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


def _matrix(given: Mapping[str, Any], check: Check) -> list[Wanted]:
    """Each value is checked beside the first ones of the others; those that a price depends on stand
    apart.
    """
    job = given.get("job")
    if not isinstance(job, dict) or not isinstance(job.get("input", {}), dict):
        raise InvalidInput([FieldProblem("job", "must be a job", shown(job))])
    values = matrix.read(given["matrix"])
    model = MODELS.get(str(job.get("model")))
    # A name that is no parameter is for the templates of a batch, and changes no price.
    own = {name: some for name, some in values.values.items() if model and name in model.parameters}
    first = {name: some[0][1] for name, some in own.items()}
    apart = model.price_times if model else None
    found: list[Wanted] = []
    wrong: list[FieldProblem] = []
    for name, some in own.items():
        for n, (_, value) in enumerate(some):
            whole = {**job, "input": {**job.get("input", {}), **first, name: value}}
            try:
                checked = check(whole)
            except InvalidInput as error:
                wrong += _placed(error, f"matrix.{name}[{n}]")
                continue
            if name == apart:
                found.append(Wanted(checked, values.count // len(some)))
    if wrong:
        raise InvalidInput(wrong)
    if found:
        return found
    whole = {**job, "input": {**job.get("input", {}), **first}}
    return [Wanted(check(whole), values.count)]


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
