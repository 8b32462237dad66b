"""Every answer of segmind-api §7, and every way in which a network breaks, through a real worker."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from cli.ports import free_port
from jobs.account_pauses import USUAL_RESETS, PauseReason
from jobs.failures import FailureKind
from jobs.states import State
from tests.sandbox.sandbox_process import KEY
from tests.worker.lines_of_the_table import LINES, NOWHERE, Line
from tests.worker.one_account import only
from tests.worker.table_of_answers import Table
from worker.run import run_ticket
from worker.taken import NoJob

RESET = "x-rate-limit-reset-at-utc"


def _pauses(table: Table) -> tuple[PauseReason | None, list[str]]:
    account = table.parts.accounts.get(only(table.parts).id)
    models = [pause.model for pause in table.parts.accounts.model_pauses(account.id)]
    return account.paused_for, models


@pytest.mark.parametrize("line", LINES, ids=str)
def test_every_line(table: Table, line: Line) -> None:
    path = {"path": "/v1/ssd-canny"}
    table.sandbox.faults({"match": path, "runs": line.runs, "effect": line.effect})
    job = table.submit()
    run_ticket(table.calling(table.sandbox.url, line.deadline))
    found = table.job(job)

    error = found.error or {}
    assert (found.state, error.get("kind")) == (line.state, line.kind), error
    assert found.attempts == line.spent
    if line.kind is not None:
        assert line.said in error["message"]
        assert KEY not in error["message"]
        assert error["advice"]
    forbidden = line.pause is PauseReason.FORBIDDEN
    assert _pauses(table) == (None if forbidden else line.pause, ["ssd-canny"] * forbidden)
    assert len(table.sandbox.ledger()) == 1
    assert (table.charged() > 0) == line.runs
    if line.state is State.IN_DOUBT:
        assert found.cost == 0
        assert table.parts.accounts.committed(only(table.parts).id) >= job.estimate
    else:
        assert found.cost == table.charged()
    assert len(found.outputs) == (line.state is State.SUCCEEDED)


def test_a_500_is_tried_again_a_bounded_number_of_times(table: Table) -> None:
    effect = {"kind": "status", "status": 500, "error": "Internal"}
    table.sandbox.faults({"match": {"path": "/v1/ssd-canny"}, "effect": effect})
    job = table.submit(max_attempts=2)
    run_ticket(table.parts)
    found = table.job(job)
    assert (found.state, found.attempts) == (State.SCHEDULED, 1)
    assert found.run_at is not None


@pytest.mark.parametrize("told", ["iso", "iso_naive", "epoch", "epoch_ms", "http_date"])
def test_a_429_pauses_until_its_reset_whatever_its_format(table: Table, told: str) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=40)).replace(microsecond=0)
    text = {
        "iso": at.isoformat(),
        "iso_naive": at.replace(tzinfo=None).isoformat(),
        "epoch": str(int(at.timestamp())),
        "epoch_ms": str(int(at.timestamp() * 1000)),
        "http_date": format_datetime(at, usegmt=True),
    }[told]
    limited_until = _limited(table, {RESET: text})
    assert at <= limited_until < at + timedelta(seconds=2)


def test_a_429_that_says_nothing_or_nonsense_pauses_within_bounds(table: Table) -> None:
    table.sandbox.change(reset_header="never")
    for headers, pause in (
        ({}, USUAL_RESETS.guessed),
        ({RESET: "soon"}, USUAL_RESETS.guessed),
        ({RESET: "2020-01-01T00:00:00Z"}, USUAL_RESETS.guessed),
        ({RESET: "2099-01-01T00:00:00Z"}, USUAL_RESETS.longest),
    ):
        before = datetime.now(UTC)
        limited_until = _limited(table, headers)
        assert before + pause <= limited_until <= datetime.now(UTC) + pause
        table.fresh()
        table.sandbox.change(reset_header="never")


def _limited(table: Table, headers: dict[str, str]) -> datetime:
    effect = {"kind": "status", "status": 429, "error": "slow down", "headers": headers}
    table.sandbox.faults({"match": {"path": "/v1/ssd-canny"}, "effect": effect})
    job = table.submit()
    run_ticket(table.parts)
    found = table.job(job)
    assert (found.state, found.attempts, found.cost) == (State.QUEUED, 0, 0)
    assert found.error is not None
    assert found.error["kind"] == FailureKind.RATE_LIMITED
    account = table.parts.accounts.get(only(table.parts).id)
    assert account.paused_for is None
    assert account.limited_until is not None
    assert not only(table.parts).limiter.ask(["anyone"], holds=0).granted
    return account.limited_until


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:{closed}", "refused"),
        (NOWHERE, "could not be resolved"),
        ("https://127.0.0.1:{sandbox}", "TLS"),
    ],
    ids=["connect refused", "no such name", "no TLS"],
)
def test_what_never_left_is_free_and_sent_again(table: Table, url: str, said: str) -> None:
    port = table.sandbox.url.rpartition(":")[2]
    job = table.submit()
    run_ticket(table.calling(url.format(closed=free_port(), sandbox=port), 20))
    found = table.job(job)
    assert (found.state, found.attempts, found.cost) == (State.SCHEDULED, 0, 0)
    assert found.error is not None
    assert found.error["kind"] == FailureKind.NOT_SENT
    assert said in found.error["message"]
    assert _pauses(table) == (None, [])
    assert table.sandbox.ledger() == []


@pytest.mark.parametrize(("form", "came"), [("json_list", 4), ("multipart", 4), ("first", 1)])
def test_what_came_is_kept_however_many_were_asked_for(table: Table, form: str, came: int) -> None:
    table.sandbox.change(samples_form=form)
    job = table.submit(samples=4)
    run_ticket(table.parts)
    found = table.job(job)
    assert (found.state, len(found.outputs), found.attempts) == (State.SUCCEEDED, came, 1)
    assert found.cost == table.charged() == job.estimate


def test_a_forbidden_model_leaves_the_others_alone(table: Table) -> None:
    effect = {"kind": "status", "status": 403, "error": "not in your plan"}
    table.sandbox.faults({"match": {"model": "ssd-canny"}, "count": None, "effect": effect})
    kept = [table.submit() for _ in range(3)]
    other = table.submit("ssd-1b")
    outcomes = [run_ticket(table.parts).outcome for _ in range(3)]
    assert outcomes == [FailureKind.FORBIDDEN, State.SUCCEEDED, NoJob.NO_JOB]
    assert table.job(other).state is State.SUCCEEDED
    assert {table.job(job).attempts for job in kept} == {0}
    assert len(table.sandbox.ledger()) == 2
