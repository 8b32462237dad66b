"""Request ids, and looks, that come when somebody else has ended or moved their attempt."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Row, select
from structlog.testing import capture_logs

from db.account_values import Account
from db.artifact_folder import FolderArtifacts
from db.doubts import DoubtStore
from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.requests import Accepted, RequestStore
from db.resolving import Resolution, Resolving, Verdict
from db.rows import Claim, Output, Settlement
from db.runs import RunStore
from db.tables import attempts
from jobs.doubts import DoubtEnd, OnDoubt
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO, Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import PRICE, Claimer, Submit, failed, succeeded

LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
HOLD = timedelta(minutes=5)


@pytest.fixture
def requests(database: Database) -> RequestStore:
    return RequestStore(database)


@pytest.fixture
def doubts(database: Database) -> DoubtStore:
    return DoubtStore(database)


@pytest.fixture
def doubted(submit: Submit, claim: Claimer, runs: RunStore) -> Claim:
    submit()
    claimed = claim()
    assert runs.settle(failed(claimed, LOST, DOUBT))
    return claimed


def attempt(database: Database, claimed: Claim) -> Row[Any]:
    with database.read() as connection:
        return connection.execute(select(attempts).where(attempts.c.id == claimed.attempt_id)).one()


def time_of(database: Database) -> datetime:
    with database.read() as connection:
        return database.time(connection)


def accepted(database: Database, claimed: Claim, request_id: str = "r-late") -> Accepted:
    return Accepted(claimed.attempt_id, claimed.job.id, request_id, time_of(database), 0.0)


def ended(claimed: Claim, end: DoubtEnd, decision: Decision, cost: Money) -> Settlement:
    """As reconciliation ends a doubt of which nothing is known."""
    return failed(claimed, LOST, decision, doubt_ended=end, cost_known=False, cost=cost)


def absent(claimed: Claim) -> Settlement:
    return ended(claimed, DoubtEnd.ABSENT, Decision(State.QUEUED, spends_attempt=False), ZERO)


@pytest.mark.parametrize("end", [DoubtEnd.ABSENT, DoubtEnd.POLICY_FAIL])
def test_an_id_that_comes_after_a_guess_is_kept_and_is_looked_for(
    database: Database, runs: RunStore, requests: RequestStore, doubted: Claim, end: DoubtEnd
) -> None:
    """It is all that surely leads back to a call that was paid."""
    fails = Decision(State.FAILED, spends_attempt=True)
    runs.settle(absent(doubted) if end is DoubtEnd.ABSENT else ended(doubted, end, fails, PRICE))
    requests.accepted([accepted(database, doubted)])
    row = attempt(database, doubted)
    assert (row.request_id, row.next_poll_at, row.doubt_ended) == ("r-late", None, end)
    assert row.next_look_at <= time_of(database)


def test_an_id_that_comes_after_the_end_is_known_changes_nothing(
    database: Database, runs: RunStore, requests: RequestStore, submit: Submit, claim: Claimer
) -> None:
    submit()
    claimed = claim()
    runs.settle(succeeded(claimed))
    before = attempt(database, claimed)
    requests.accepted([accepted(database, claimed)])
    assert attempt(database, claimed) == before


def test_a_call_whose_id_has_come_meanwhile_is_not_absent(
    database: Database,
    runs: RunStore,
    requests: RequestStore,
    doubts: DoubtStore,
    doubted: Claim,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    """A pass was under way that knew of no id."""
    requests.accepted([accepted(database, doubted)])
    assert not runs.settle(absent(doubted))
    assert job_store.get(tenant, doubted.job.id).state is State.IN_DOUBT
    (due,) = doubts.take_due(doubted.account_id, 9, HOLD)[1]
    assert due.request_id == "r-late"


def test_a_request_is_ended_under_its_own_attempts_number(
    database: Database,
    runs: RunStore,
    requests: RequestStore,
    submit: Submit,
    claim: Claimer,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    """Whoever polled it was stopped, and goes on when the job's next call is under way."""
    job = submit()
    first = claim()
    requests.accepted([accepted(database, first)])
    runs.settle(failed(first, LOST, DOUBT))
    runs.settle(
        ended(first, DoubtEnd.OPERATOR_RETRY, Decision(State.QUEUED, spends_attempt=True), PRICE)
    )
    second = claim()
    assert second.number == 2
    late = requests.underway([first.attempt_id])[first.attempt_id].claim
    assert late.number == 1
    assert not runs.settle(succeeded(late))
    assert job_store.get(tenant, job.id).state is State.RUNNING


def test_a_look_that_is_asked_for_during_a_turn_is_not_put_off_by_it(
    database: Database, doubts: DoubtStore, doubted: Claim, tenant: UUID, tmp_path: Any
) -> None:
    changes = JobChanges(database)
    resolving = Resolving(database, FolderArtifacts(tmp_path))

    def policy() -> None:
        changes.change(tenant, doubted.job.id, {"on_doubt": OnDoubt.FAIL}, lambda *_: None)

    def look_for() -> None:
        resolving.resolve(
            tenant, doubted.job.id, Resolution(Verdict.SUCCEEDED, "seen", request_id="r-7")
        )

    for asks in (policy, look_for):
        now, due = doubts.take_due(doubted.account_id, 9, HOLD)
        assert len(due) == 1
        asks()
        doubts.look_again(
            [doubted.attempt_id], timedelta(hours=1), "not found", held_until=now + HOLD
        )
        assert attempt(database, doubted).next_look_at <= time_of(database)
    assert attempt(database, doubted).looked.startswith("an operator says that it is request r-7")


def test_a_late_worker_shows_that_an_absent_call_was_paid_though_not_how_much(
    database: Database,
    runs: RunStore,
    doubted: Claim,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    runs.settle(absent(doubted))
    late = succeeded(doubted, cost_known=False)
    with capture_logs() as logged:
        runs.settle(late)
        runs.settle(late)
    assert [one["event"] for one in logged] == ["paid_after_all"]
    row = attempt(database, doubted)
    assert (row.cost, row.cost_known, row.outcome) == (50_000_000, False, State.SUCCEEDED)
    assert job_store.get(tenant, doubted.job.id).cost == 50_000_000
    # The history may tell how much it was, once.
    told = succeeded(doubted, cost=Money(40_000_000), found_by_request=True)
    runs.settle(told)
    runs.settle(told)
    assert job_store.get(tenant, doubted.job.id).cost == 40_000_000


def test_a_second_doubt_does_not_begin_patience_anew(
    database: Database, runs: RunStore, doubted: Claim
) -> None:
    before = attempt(database, doubted).in_doubt_at
    broke = Failure(FailureKind.CONNECTION_LOST, "the connection broke")
    runs.settle(failed(doubted, broke, DOUBT))
    row = attempt(database, doubted)
    assert (row.in_doubt_at, row.outcome) == (before, FailureKind.CONNECTION_LOST)


def test_what_is_settled_together_is_booked_as_if_each_were_alone(
    database: Database,
    runs: RunStore,
    submit: Submit,
    claim: Claimer,
    account: Account,
    job_store: JobStore,
    tenant: UUID,
) -> None:
    """Corrections, doubts, ends of doubts and results, of which two are of one job."""
    jobs = [submit() for _ in range(6)]
    first, doubt, done, corrected, free, open_ = (claim() for _ in jobs)
    for one in (first, doubt, corrected, free):
        runs.settle(failed(one, LOST, DOUBT))
    runs.settle(absent(first))
    fails = Decision(State.FAILED, spends_attempt=True)
    runs.settle(ended(corrected, DoubtEnd.POLICY_FAIL, fails, PRICE))
    again = claim()
    assert (again.job.id, again.number) == (first.job.id, 2)
    output = Output(0, f"outputs/{uuid4()}", "image/jpeg", 8, 8, 100, "ab" * 32)
    group = [
        succeeded(first, cost_known=True, found_by_request=True),
        succeeded(again),
        failed(doubt, LOST, DOUBT, request_id="r-doubt", http_status=502),
        succeeded(done, cost_known=False, generation_seconds=1.5),
        succeeded(corrected, found_by_request=True),
        failed(free, Failure(FailureKind.NOT_SENT, "never left"), Decision(State.QUEUED, False)),
        failed(open_, LOST, DOUBT),
    ]
    group[1] = Settlement(**{**vars(group[1]), "outputs": (output,)})
    moved = runs.settle_many(group)
    assert [bool(one) for one in moved] == [False, True, False, True, False, True, True]
    states = [job_store.get(tenant, job.id) for job in jobs]
    assert [(one.state, one.cost) for one in states] == [
        (State.SUCCEEDED, 100_000_000),
        (State.IN_DOUBT, 0),
        (State.SUCCEEDED, 50_000_000),
        (State.FAILED, 50_000_000),
        (State.QUEUED, 0),
        (State.IN_DOUBT, 0),
    ]
    # Once more, as after a commit whose answer was lost: nothing is booked again.
    runs.settle_many(group)
    assert [job_store.get(tenant, job.id).cost for job in jobs] == [one.cost for one in states]
    for one in (first, again, done, corrected, free):
        assert attempt(database, one).finished_at is not None
    assert attempt(database, first).outcome == FailureKind.WORKER_LOST
    row = attempt(database, doubt)
    assert (row.request_id, row.http_status, row.finished_at) == ("r-doubt", 502, None)
    assert account.id == first.account_id
