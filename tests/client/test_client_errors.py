"""The tree of errors: as it is drawn, as the gateway has it, and through another process."""

import inspect
import pickle
import re
from decimal import Decimal
from typing import Any

import pytest

import segq_client
from api_gateway import problems
from api_gateway.problems import Kind, Problem
from jobs.errors import FieldProblem
from segq_client import (
    BudgetExceededError,
    InsufficientScopeError,
    InvalidFieldsError,
    JobCanceledError,
    JobEndedError,
    JobExpiredError,
    JobFailedError,
    JobInDoubtError,
    ProblemError,
    SegqError,
    SetupError,
    StillWaitingError,
    TooManyQueuedError,
    UnavailableError,
    UnexpectedAnswerError,
    Unreachable,
    WrongField,
    errors,
)
from segq_client.errors import ending_of
from segq_client.job import job_from
from segq_client.problems import BY_TYPE, problem_in
from segq_client.request import Answer

KINDS = [one for one in vars(problems).values() if isinstance(one, Kind)]


def as_read(kind: Kind, **more: Any) -> ProblemError:
    """What the client makes of the gateway's own answer."""
    response = problems.answer(Problem(kind, "some words", **more), "/api/v1/jobs")
    return problem_in(Answer(response.status_code, response.headers, bytes(response.body)))


def test_every_problem_of_the_gateway_has_a_class_of_its_own_and_no_other_has() -> None:
    assert set(BY_TYPE) == {one.name for one in KINDS}
    assert ProblemError not in BY_TYPE.values()


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.name)
def test_each_is_read_as_what_it_is(kind: Kind) -> None:
    error = as_read(kind)
    assert type(error) is BY_TYPE[kind.name]
    assert (error.status, error.type) == (kind.status, f"/problems/{kind.name}")
    assert (error.title, error.detail) == (kind.title, "some words")
    assert str(error) == f"{kind.status} {kind.title}: some words"


def test_only_what_passes_is_to_be_repeated() -> None:
    passing = {one.name for one in KINDS if as_read(one).repeat_after is not None}
    assert passing == {"unavailable", "idempotency-key-in-use"}


def test_what_a_program_may_want_of_a_problem_has_a_name() -> None:
    wrong = [FieldProblem("input.seed", "must be an integer", '"x"'), FieldProblem("a", "is none")]
    error = as_read(problems.INVALID_FIELDS, errors=wrong)
    assert isinstance(error, InvalidFieldsError)
    assert error.errors == (
        WrongField("input.seed", "must be an integer", '"x"'),
        WrongField("a", "is none"),
    )
    assert str(error).splitlines()[1:] == [
        "  input.seed: must be an integer (got '\"x\"')",
        "  a: is none",
    ]
    scope = as_read(problems.INSUFFICIENT_SCOPE, members={"scope": "admin"})
    assert isinstance(scope, InsufficientScopeError)
    assert scope.scope == "admin"
    amounts = {"period": "day", "left": "-0.5", "asked": "0.006"}
    budget = as_read(problems.BUDGET_EXCEEDED, members=amounts)
    assert isinstance(budget, BudgetExceededError)
    assert (budget.period, budget.left, budget.asked) == ("day", Decimal("-0.5"), Decimal("0.006"))
    full = as_read(
        problems.TOO_MANY_QUEUED,
        members={"queued": 9, "max_queued": 8},
        headers={"Retry-After": "30"},
    )
    assert isinstance(full, TooManyQueuedError)
    assert (full.queued, full.max_queued, full.retry_after) == (9, 8, 30.0)


def test_a_problem_of_a_newer_gateway_is_a_problem() -> None:
    error = as_read(Kind("moon-phase", 418, "The moon is wrong"))
    assert type(error) is ProblemError
    assert error.members["type"] == "/problems/moon-phase"


@pytest.mark.parametrize(
    ("status", "kind"), [(403, ProblemError), (502, UnavailableError), (504, UnavailableError)]
)
def test_a_proxy_speaks_for_a_gateway_that_is_away_and_for_nothing_else(
    status: int, kind: type[ProblemError]
) -> None:
    error = problem_in(Answer(status, {}, "<h1>Schluß</h1>".encode() * 100))
    assert type(error) is kind
    assert "Schluß" in str(error)
    assert len(str(error)) < 300


def test_the_tree_is_drawn_as_it_is() -> None:
    lines = (errors.__doc__ or "").splitlines()
    begin = lines.index("SegqError")
    parents: list[str] = []
    drawn: dict[str, str | None] = {}
    for line in lines[begin:]:
        found = re.match(r"((?:[│ ]   )*(?:[├└]── )?)(\w+)", line)
        if found is None or not (found[1].endswith("── ") or not found[1]):
            continue  # a line that goes on with what the one above says
        depth = len(found[1]) // 4
        del parents[depth:]
        drawn[found[2]] = parents[-1] if parents else None
        parents.append(found[2])
    true = {
        name: one.__bases__[0].__name__ if one is not SegqError else None
        for name, one in vars(segq_client).items()
        if inspect.isclass(one) and issubclass(one, SegqError)
    }
    assert drawn == true
    assert true.keys() <= set(segq_client.__all__)


def test_each_problem_is_drawn_beside_its_class() -> None:
    text = re.sub(r"[│├└─\s]+", " ", errors.__doc__ or "").partition("SegqError ")[2]
    named = re.findall(r"(\w+Error) [^\[]*?\[([^\]]*)\]", text)
    drawn = {
        kind: re.findall(r"\w+Error", text[: text.index(f"[{types}]")])[-1]
        for _, types in named
        for kind in types.split()
    }
    assert drawn == {name: one.__name__ for name, one in BY_TYPE.items()}


JOB = {"id": "a", "model": "m", "cost": "0.006", "note": "a note"}
TROUBLE = {"kind": "invalid_input", "message": "no seed", "advice": "mend it", "status": 400}
DOUBT = {"since": "2026-03-01T12:00:00Z", "kind": "worker_lost", "message": "it died"}


@pytest.mark.parametrize(
    ("job", "kind", "told", "text"),
    [
        (
            {"state": "failed", "error": TROUBLE},
            JobFailedError,
            ("invalid_input", "no seed", "mend it"),
            "job a failed: invalid_input: no seed\n  mend it",
        ),
        (
            {"state": "expired", "error": {"kind": "expired", "message": "too late"}},
            JobExpiredError,
            ("expired", "too late", None),
            "job a expired: expired: too late",
        ),
        (
            {"state": "canceled", "error": TROUBLE},
            JobCanceledError,
            (None, "a note", None),
            "job a canceled: a note",
        ),
        (
            {"state": "in_doubt", "doubt": DOUBT, "error": TROUBLE},
            JobInDoubtError,
            ("worker_lost", "it died", None),
            "job a is in doubt: worker_lost: it died",
        ),
        (
            {"state": "in_doubt", "doubt": DOUBT, "error": {**TROUBLE, "kind": "worker_lost"}},
            JobInDoubtError,
            ("worker_lost", "it died", "mend it"),
            "job a is in doubt: worker_lost: it died\n  mend it",
        ),
    ],
)
def test_a_job_that_did_not_succeed_says_why(
    job: dict[str, Any],
    kind: type[JobEndedError],
    told: tuple[str | None, str | None, str | None],
    text: str,
) -> None:
    error = ending_of(job_from({**JOB, **job}))
    assert type(error) is kind
    assert (error.kind, error.message, error.advice) == told
    assert error.job.cost == Decimal("0.006")
    assert str(error) == text


@pytest.mark.parametrize(
    "error",
    [
        SetupError("no key"),
        Unreachable("away"),
        UnexpectedAnswerError("none"),
        as_read(problems.UNAVAILABLE, headers={"Retry-After": "3"}),
        as_read(problems.INSUFFICIENT_SCOPE, members={"scope": "admin"}),
        StillWaitingError(job_from({**JOB, "state": "queued"}), 3),
        ending_of(job_from({**JOB, "state": "failed", "error": TROUBLE})),
    ],
    ids=lambda one: type(one).__name__,
)
def test_an_error_comes_whole_through_a_process_of_workers(error: SegqError) -> None:
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)
    assert found.repeat_after == error.repeat_after
