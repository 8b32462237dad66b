"""Every path on which a job ends, waits again or is called for: what it holds of its budgets then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from db.account_values import Account
from db.audits import Adopted, AuditStore
from db.budgets import BudgetStore
from db.covering import Covering
from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.runs import RunStore
from db.tables import jobs
from jobs.budgets import Period
from jobs.doubts import DoubtEnd
from jobs.errors import BudgetExceeded
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import LEASE, PRICE, Claimer, Submit, claim_one, failed, succeeded
from tests.db.yesterday import begin_a_day_ago

COST = Money(50_000_000)
DOUBT = Decision(State.IN_DOUBT, spends_attempt=True)
AGAIN = Decision(State.QUEUED, spends_attempt=True)
FREE = Decision(State.QUEUED, spends_attempt=False)
ENDED = Decision(State.FAILED, spends_attempt=True)
LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")
BROKE = Failure(FailureKind.UPSTREAM_ERROR, "it broke")
UNSENT = Failure(FailureKind.NOT_SENT, "no connection")


@pytest.fixture
def budgets(database: Database) -> BudgetStore:
    return BudgetStore(database)


@pytest.fixture
def changes(database: Database) -> JobChanges:
    return JobChanges(database)


Holds = Callable[[], dict[Period, tuple[int, int]]]


@pytest.fixture
def holds(budgets: BudgetStore, tenant: UUID) -> Holds:
    """Reserved and spent, in prices and costs, of each budget; and no sum is wrong."""

    def now() -> dict[Period, tuple[int, int]]:
        assert budgets.check() == []
        return {
            one.period: (one.share.reserved, one.share.spent) for one in budgets.of_tenant(tenant)
        }

    return now


@pytest.fixture
def all_kinds(budgets: BudgetStore, tenant: UUID) -> None:
    for period in Period:
        budgets.set(tenant, Money(100 * PRICE), period)


def everywhere(reserved: int, spent: int) -> dict[Period, tuple[int, int]]:
    return dict.fromkeys(Period, (reserved, spent))


def submitted(reserved: int, spent: int = 0) -> dict[Period, tuple[int, int]]:
    """What waits is reserved of the total alone."""
    return {**everywhere(0, spent), Period.TOTAL: (reserved, spent)}


@pytest.mark.usefixtures("all_kinds")
class TestAJobsPath:
    def test_submitted_claimed_and_paid(
        self, submit: Submit, claim: Claimer, runs: RunStore, holds: Holds
    ) -> None:
        submit()
        assert holds() == submitted(PRICE)
        claimed = claim()
        assert holds() == everywhere(PRICE, 0)
        assert runs.settle(succeeded(claimed))
        assert holds() == everywhere(0, COST)
        assert not runs.settle(succeeded(claimed))
        assert holds() == everywhere(0, COST)

    def test_canceled_while_it_waits(
        self, submit: Submit, changes: JobChanges, tenant: UUID, holds: Holds
    ) -> None:
        job = submit(run_at=datetime.now(UTC) + timedelta(hours=1))
        assert holds() == submitted(PRICE)
        for _ in range(2):
            changes.cancel(tenant, job.id)
            assert holds() == submitted(0)
        changes.retry(tenant, job.id)
        assert holds() == submitted(PRICE)

    def test_canceled_while_its_call_runs(
        self,
        submit: Submit,
        claim: Claimer,
        runs: RunStore,
        changes: JobChanges,
        tenant: UUID,
        holds: Holds,
    ) -> None:
        job = submit()
        claimed = claim()
        changes.cancel(tenant, job.id)
        assert holds() == everywhere(PRICE, 0)
        runs.settle(failed(claimed, BROKE, AGAIN))
        assert holds() == everywhere(0, 0)

    def test_expired(self, submit: Submit, job_store: JobStore, holds: Holds) -> None:
        past = datetime.now(UTC) - timedelta(seconds=1)
        submit(start_by=past)
        submit(finish_by=past)
        submit()
        assert holds() == submitted(3 * PRICE)
        assert len(job_store.expire(10)) == 2
        assert holds() == submitted(PRICE)

    def test_expired_as_its_next_try_comes_too_late(
        self, submit: Submit, claim: Claimer, runs: RunStore, holds: Holds
    ) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=1)
        submit(finish_by=soon)
        later = Decision(State.SCHEDULED, spends_attempt=True, run_at=soon)
        runs.settle(failed(claim(), BROKE, later))
        assert holds() == everywhere(0, 0)

    def test_failed_and_retried(
        self,
        submit: Submit,
        claim: Claimer,
        runs: RunStore,
        changes: JobChanges,
        tenant: UUID,
        holds: Holds,
    ) -> None:
        job = submit()
        runs.settle(failed(claim(), BROKE, ENDED, cost=COST))
        assert holds() == everywhere(0, COST)
        changes.retry(tenant, job.id)
        assert holds() == submitted(PRICE, COST)
        claim()
        assert holds() == everywhere(PRICE, COST)

    @pytest.mark.parametrize("after", [timedelta(), timedelta(hours=1)])
    def test_tried_again(
        self, submit: Submit, claim: Claimer, runs: RunStore, holds: Holds, after: timedelta
    ) -> None:
        submit()
        state = State.SCHEDULED if after else State.QUEUED
        again = Decision(state, spends_attempt=True, run_at=datetime.now(UTC) + after)
        runs.settle(failed(claim(), BROKE, again))
        assert holds() == submitted(PRICE)

    def test_never_sent(self, submit: Submit, claim: Claimer, runs: RunStore, holds: Holds) -> None:
        submit()
        runs.settle(failed(claim(), UNSENT, FREE))
        assert holds() == submitted(PRICE)

    def test_in_doubt_and_recovered(
        self, submit: Submit, claim: Claimer, runs: RunStore, holds: Holds
    ) -> None:
        submit()
        claimed = claim()
        runs.settle(failed(claimed, LOST, DOUBT))
        assert holds() == everywhere(PRICE, 0)
        runs.settle(failed(claimed, LOST, DOUBT))
        assert holds() == everywhere(PRICE, 0)
        runs.settle(succeeded(claimed))
        assert holds() == everywhere(0, COST)

    @pytest.mark.parametrize(
        ("end", "decision", "cost", "waits"),
        [
            (DoubtEnd.POLICY_RETRY, AGAIN, PRICE, True),
            (DoubtEnd.OPERATOR_RETRY, AGAIN, PRICE, True),
            (DoubtEnd.ABSENT, FREE, Money(0), True),
            (DoubtEnd.POLICY_FAIL, ENDED, PRICE, False),
            (DoubtEnd.DEADLINE, ENDED, PRICE, False),
        ],
    )
    def test_a_doubt_that_is_ended_and_then_known(
        self,
        submit: Submit,
        claim: Claimer,
        runs: RunStore,
        holds: Holds,
        end: DoubtEnd,
        decision: Decision,
        cost: Money,
        waits: bool,
    ) -> None:
        submit()
        claimed = claim()
        runs.settle(failed(claimed, LOST, DOUBT))
        ended = failed(claimed, LOST, decision, cost=cost, cost_known=False, doubt_ended=end)
        assert runs.settle(ended)
        next_call = PRICE if waits else 0
        assert holds() == submitted(next_call, cost)
        runs.settle(replace(succeeded(claimed), found_by_request=True))
        assert holds() == submitted(next_call, COST)

    def test_adopted_while_it_waits(
        self, submit: Submit, account: Account, database: Database, holds: Holds
    ) -> None:
        job = submit()
        call = Adopted("r-1", 7, COST, datetime.now(UTC))
        assert AuditStore(database).adopt(job, account.id, call, LEASE)
        assert holds() == everywhere(PRICE, 0)

    def test_adopted_when_it_has_ended_and_corrected(
        self,
        submit: Submit,
        account: Account,
        database: Database,
        changes: JobChanges,
        tenant: UUID,
        holds: Holds,
    ) -> None:
        job = submit()
        changes.cancel(tenant, job.id)
        store = AuditStore(database)
        attempt = store.adopt(job, account.id, Adopted("r-1", 7, COST, datetime.now(UTC)), LEASE)
        assert attempt is not None
        assert holds() == everywhere(0, COST)
        store.correct(attempt, PRICE, "r-2")
        assert holds() == everywhere(0, PRICE)

    def test_a_call_of_last_month_that_is_adopted_belongs_to_no_period_that_is_counted(
        self, submit: Submit, account: Account, database: Database, holds: Holds
    ) -> None:
        call = Adopted("r-1", 7, COST, datetime.now(UTC) - timedelta(days=40))
        assert AuditStore(database).adopt(submit(), account.id, call, LEASE)
        assert holds() == submitted(PRICE)


def test_a_second_call_that_total_does_not_cover_waits_until_it_does(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    account: Account,
    job_store: JobStore,
    changes: JobChanges,
    database: Database,
    budgets: BudgetStore,
    tenant: UUID,
    holds: Holds,
) -> None:
    budgets.set(tenant, Money(2 * PRICE), Period.TOTAL)
    job, other = submit(), submit()
    claimed = claim()
    runs.settle(failed(claimed, LOST, DOUBT))
    # It counts as paid: one price is spent, one is held by the other job.
    runs.settle(failed(claimed, LOST, AGAIN, cost=PRICE, cost_known=False))
    assert holds() == {Period.TOTAL: (PRICE, PRICE)}
    waiting = job_store.get(tenant, job.id)
    assert (waiting.state, waiting.held_for) == (State.QUEUED, "budget")
    covering = Covering(database)
    assert covering.bring_back(10) == 0
    assert claim().job.id == other.id
    assert claim_one(runs, account.id) is None
    assert job_store.waiting("segmind", 10) == 0
    # What was believed is corrected: the call had cost nothing.
    correction = failed(claimed, BROKE, ENDED, cost=Money(0), found_by_request=True)
    runs.settle(replace(correction, cost_known=True))
    assert covering.bring_back(10) == 1
    assert holds() == {Period.TOTAL: (2 * PRICE, 0)}
    assert claim().job.id == job.id
    assert covering.bring_back(10) == 0


def test_a_held_job_can_be_canceled_retried_expire_and_lose_its_budget(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    job_store: JobStore,
    changes: JobChanges,
    database: Database,
    budgets: BudgetStore,
    tenant: UUID,
    holds: Holds,
) -> None:
    budgets.set(tenant, Money(3 * PRICE), Period.TOTAL)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    made = [submit(), submit(), submit(finish_by=soon)]
    for _ in made:
        runs.settle(failed(claim(), BROKE, AGAIN, cost=PRICE))
    assert holds() == {Period.TOTAL: (0, 3 * PRICE)}
    assert all(job_store.get(tenant, one.id).held_for == "budget" for one in made)
    changes.cancel(tenant, made[0].id)
    with pytest.raises(BudgetExceeded, match=r"total budget of 0\.018 USD"):
        changes.retry(tenant, made[0].id)
    with database.write() as connection:
        connection.execute(
            update(jobs)
            .where(jobs.c.id == made[2].id)
            .values(finish_by=datetime.now(UTC) - timedelta(seconds=1))
        )
    assert job_store.expire(10) == [made[2].id]
    assert holds() == {Period.TOTAL: (0, 3 * PRICE)}
    with database.write() as connection:
        connection.execute(
            update(jobs).where(jobs.c.id == made[1].id).values(state=State.SCHEDULED, run_at=soon)
        )
    assert budgets.remove(tenant, Period.TOTAL)
    assert not budgets.remove(tenant, Period.TOTAL)
    assert job_store.get(tenant, made[1].id).held_for is None
    budgets.set(tenant, Money(4 * PRICE), Period.TOTAL)
    assert holds() == {Period.TOTAL: (PRICE, 3 * PRICE)}
    assert changes.retry(tenant, made[1].id).state is State.QUEUED
    assert claim().job.id == made[1].id


def test_a_job_that_no_call_of_was_paid_keeps_its_reservation_though_the_budget_was_lowered(
    submit: Submit, claim: Claimer, runs: RunStore, budgets: BudgetStore, tenant: UUID, holds: Holds
) -> None:
    budgets.set(tenant, PRICE, Period.TOTAL)
    job = submit()
    claimed = claim()
    budgets.set(tenant, Money(0), Period.TOTAL)
    with pytest.raises(BudgetExceeded):
        submit()
    runs.settle(failed(claimed, UNSENT, FREE))
    assert holds() == {Period.TOTAL: (PRICE, 0)}
    assert claim().job.id == job.id


def test_a_price_above_its_estimate_is_shown_as_overshoot(
    submit: Submit, claim: Claimer, runs: RunStore, budgets: BudgetStore, tenant: UUID, holds: Holds
) -> None:
    budgets.set(tenant, PRICE, Period.TOTAL)
    submit()
    runs.settle(succeeded(claim(), cost=Money(PRICE + 7)))
    (budget,) = budgets.of_tenant(tenant)
    assert (budget.left, budget.overshoot) == (-7, 7)
    with pytest.raises(BudgetExceeded):
        submit()
    assert holds() == {Period.TOTAL: (0, PRICE + 7)}


def test_a_call_belongs_to_the_day_in_which_it_was_claimed_however_late_it_ends(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    database: Database,
    budgets: BudgetStore,
    tenant: UUID,
    holds: Holds,
) -> None:
    budgets.set(tenant, PRICE, Period.DAY)
    submit()
    claimed = claim()
    begin_a_day_ago(database)
    assert holds() == {Period.DAY: (0, 0)}
    submit()
    today = claim()
    runs.settle(succeeded(claimed))
    assert holds() == {Period.DAY: (PRICE, 0)}
    runs.settle(succeeded(today))
    assert holds() == {Period.DAY: (0, COST)}
