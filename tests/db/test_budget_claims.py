"""Days and months at claim: exactly what is covered, however many claim at once, and nobody else pays."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event
from uuid import UUID

import pytest
import structlog
from sqlalchemy import event, update

from db.account_values import Account
from db.accounts import AccountStore
from db.budgets import BudgetStore
from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.rows import Claim, Held, NewJob, Terms
from db.runs import RunStore
from db.tables import budget_periods
from db.tenant_waits import tenant_waits
from db.tenants import TenantStore
from jobs.budgets import Period
from jobs.errors import BudgetExceeded, IllegalMove
from jobs.money import Money
from jobs.states import Priority
from tests.db.conftest import LEASE, PRICE, Submit, succeeded
from tests.db.yesterday import begin_a_day_ago


@pytest.fixture
def budgets(database: Database) -> BudgetStore:
    return BudgetStore(database)


def claimed(runs: RunStore, account: Account, count: int = 100) -> list[Claim]:
    found = runs.claim("segmind", account.id, terms=Terms(LEASE), count=count)
    assert not isinstance(found, Held)
    return found


def many(job_store: JobStore, tenant: UUID, count: int, price: Money = PRICE) -> None:
    new = NewJob(tenant, "segmind", "ssd-canny", {"seed": -1}, price)
    job_store.add_many([new] * count)


@pytest.mark.parametrize("period", [Period.DAY, Period.MONTH])
def test_many_claimers_of_two_accounts_take_exactly_what_is_covered(
    database: Database,
    job_store: JobStore,
    account_store: AccountStore,
    budgets: BudgetStore,
    tenant: UUID,
    period: Period,
) -> None:
    other = TenantStore(database).ensure("other")
    accounts = [
        account_store.ensure("segmind", name, call_limit=60, window_seconds=60) for name in "ab"
    ]
    many(job_store, tenant, 150)
    many(job_store, other, 150)
    budgets.set(tenant, Money(100 * PRICE + PRICE - 1), period)

    def work(n: int) -> list[Claim]:
        # A process each has connections of its own.
        mine = Database(database.engine.url.render_as_string(hide_password=False), pool_size=1)
        runs, found = RunStore(mine), []
        while more := claimed(runs, accounts[n % 2], 7):
            found += more
        mine.close()
        return found

    with ThreadPoolExecutor(6) as threads:
        found = [one for part in threads.map(work, range(6)) for one in part]
    assert len({one.job.id for one in found}) == len(found)
    assert Counter(one.job.tenant_id for one in found) == {tenant: 100, other: 150}
    (budget,) = budgets.of_tenant(tenant)
    assert (budget.share.reserved, budget.overshoot, budget.left) == (100 * PRICE, 0, PRICE - 1)
    assert budgets.check() == []


def test_whoever_reserves_waits_for_the_one_who_does(
    database: Database, job_store: JobStore, budgets: BudgetStore, tenant: UUID
) -> None:
    budgets.set(tenant, PRICE, Period.TOTAL)
    new = NewJob(tenant, "segmind", "ssd-canny", {"seed": -1}, PRICE)
    reserved, decided = Event(), Event()

    def first() -> None:
        with database.write():
            job_store.add(new)
            reserved.set()
            # Who did not wait would have decided by then.
            assert not decided.wait(2)

    def second() -> None:
        assert reserved.wait(30)
        try:
            with pytest.raises(BudgetExceeded):
                job_store.add(new)
        finally:
            decided.set()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(first), threads.submit(second)]:
            done.result()
    assert budgets.check() == []


def test_a_claim_takes_the_first_that_are_covered_and_fills_up_with_others(
    database: Database,
    submit: Submit,
    runs: RunStore,
    account: Account,
    budgets: BudgetStore,
    tenant: UUID,
) -> None:
    other = TenantStore(database).ensure("other")
    mine = [submit().id for _ in range(6)]
    theirs = {submit(tenant_id=other).id for _ in range(6)}
    budgets.set(tenant, Money(2 * PRICE), Period.DAY)
    found = [one.job.id for one in claimed(runs, account, 8)]
    assert [one for one in found if one in mine] == mine[:2]
    assert set(found) == {*mine[:2], *theirs}


def test_nothing_goes_ahead_of_a_job_that_is_not_covered(
    submit: Submit, runs: RunStore, account: Account, budgets: BudgetStore, tenant: UUID
) -> None:
    dear = submit(estimate=Money(4 * PRICE), priority=Priority.HIGH)
    cheap = submit()
    budgets.set(tenant, Money(4 * PRICE), Period.MONTH)
    first = claimed(runs, account, 1)
    assert [one.job.id for one in first] == [dear.id]
    assert claimed(runs, account) == []
    runs.settle(succeeded(first[0], cost=Money(4 * PRICE - 1)))
    assert claimed(runs, account) == []
    budgets.set(tenant, Money(5 * PRICE), Period.MONTH)
    assert [one.job.id for one in claimed(runs, account)] == [cheap.id]


def test_what_waits_is_asked_again_after_a_while_and_another_may_be_next(
    database: Database,
    submit: Submit,
    runs: RunStore,
    account: Account,
    job_store: JobStore,
    budgets: BudgetStore,
    tenant: UUID,
) -> None:
    dear, cheap = submit(estimate=Money(3 * PRICE), priority=Priority.HIGH), submit()
    budgets.set(tenant, Money(3 * PRICE), Period.DAY)
    budgets.set(tenant, Money(2 * PRICE), Period.DAY)
    assert claimed(runs, account) == []
    whole = tenant_waits(database, tenant).whole
    assert whole is not None
    assert (whole.until, "is never covered" in whole.note) == (None, True)
    assert job_store.waiting("segmind", 10) == 0
    assert runs.next_price("segmind", account.id) is None
    JobChanges(database).cancel(tenant, dear.id)
    assert claimed(runs, account) == []
    with database.write() as connection:
        connection.execute(
            update(budget_periods).values(short_at=datetime.now(UTC) - timedelta(seconds=10))
        )
    assert job_store.waiting("segmind", 10) == 1
    assert [one.job.id for one in claimed(runs, account)] == [cheap.id]


def test_a_new_day_is_a_new_budget_and_a_month_goes_on(
    database: Database,
    submit: Submit,
    runs: RunStore,
    account: Account,
    job_store: JobStore,
    budgets: BudgetStore,
    tenant: UUID,
) -> None:
    for _ in range(4):
        submit()
    budgets.set(tenant, Money(2 * PRICE), Period.DAY)
    budgets.set(tenant, Money(3 * PRICE), Period.MONTH)
    assert len(claimed(runs, account)) == 2
    whole = tenant_waits(database, tenant).whole
    assert whole is not None
    assert "the day budget" in whole.note
    assert job_store.waiting("segmind", 10) == 0
    begin_a_day_ago(database)
    assert job_store.waiting("segmind", 10) == 2
    # The month leaves one. Its row says so, though the day's calls were moved into another month.
    assert len(claimed(runs, account)) == 1
    assert [one.period for one in budgets.of_tenant(tenant)] == [Period.DAY, Period.MONTH]
    whole = tenant_waits(database, tenant).whole
    assert whole is not None
    assert "the month budget" in whole.note


def test_lowered_below_what_is_used_it_admits_nothing_and_ends_nothing(
    submit: Submit, runs: RunStore, account: Account, budgets: BudgetStore, tenant: UUID
) -> None:
    for _ in range(3):
        submit()
    budgets.set(tenant, Money(2 * PRICE), Period.DAY)
    first, second = claimed(runs, account)
    budget = budgets.set(tenant, PRICE, Period.DAY)
    assert (budget.left, budget.overshoot) == (-PRICE, PRICE)
    assert claimed(runs, account) == []
    for one in (first, second):
        assert runs.settle(succeeded(one, cost=Money(0)))
    assert len(claimed(runs, account)) == 1


def test_alerts_are_told_once_in_a_period(
    database: Database,
    submit: Submit,
    runs: RunStore,
    account: Account,
    budgets: BudgetStore,
    tenant: UUID,
) -> None:
    for _ in range(4):
        submit()
    budgets.set(tenant, Money(2 * PRICE), Period.DAY, (50, 80, 100))
    with structlog.testing.capture_logs() as told:
        for _ in range(2):
            for one in claimed(runs, account, 1):
                runs.settle(succeeded(one, cost=PRICE))
        assert claimed(runs, account) == []
    assert [one["percent"] for one in told] == [50, 80, 100]
    assert {one["event"] for one in told} == {"budget_alert"}
    assert budgets.of_tenant(tenant)[0].alerts_crossed == (50, 80, 100)
    begin_a_day_ago(database)
    with structlog.testing.capture_logs() as told:
        (last,) = claimed(runs, account, 1)
        runs.settle(succeeded(last, cost=Money(3 * PRICE)))
    assert [one.get("percent", one["event"]) for one in told] == [50, 80, 100, "budget_overshot"]


def test_what_is_rolled_back_is_not_told(
    database: Database, submit: Submit, budgets: BudgetStore, tenant: UUID
) -> None:
    budgets.set(tenant, PRICE, Period.TOTAL, (100,))

    def submit_in_vain() -> None:
        with database.write():
            submit()
            raise ZeroDivisionError

    with structlog.testing.capture_logs() as told, pytest.raises(ZeroDivisionError):
        submit_in_vain()
    assert told == []
    assert budgets.check() == []
    with structlog.testing.capture_logs() as told:
        submit()
    assert [one["event"] for one in told] == ["budget_alert"]


def test_in_one_commit_one_that_is_refused_takes_nothing_from_the_others(
    job_store: JobStore, budgets: BudgetStore, tenant: UUID, database: Database
) -> None:
    other = TenantStore(database).ensure("other")
    budgets.set(tenant, Money(3 * PRICE), Period.TOTAL)
    new = NewJob(tenant, "segmind", "ssd-canny", {}, PRICE)
    prices = (PRICE, 3 * PRICE, PRICE, PRICE, PRICE)
    asked = [NewJob(tenant, "segmind", "ssd-canny", {}, Money(price)) for price in prices]
    theirs = NewJob(other, "segmind", "ssd-canny", {}, Money(9 * PRICE))
    came = job_store.add_each([*asked, theirs])
    assert [isinstance(one, BudgetExceeded) for one in came] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    with pytest.raises(BudgetExceeded):
        job_store.add(new)
    assert budgets.check() == []


def test_without_a_budget_a_submit_and_a_settle_ask_once_more_and_a_claim_not_at_all(
    database: Database, submit: Submit, runs: RunStore, account: Account
) -> None:
    asked: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        if "budget" in statement:
            asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    submit()
    assert len(asked) == 1
    (one,) = claimed(runs, account)
    # Columns of statements that there were before.
    _, of_order, of_account = asked
    assert "order_passes" in of_order
    assert "attempts" in of_account
    runs.settle(succeeded(one))
    assert len(asked) == 4


def test_a_budget_that_is_set_again_and_again_under_load_loses_count_of_nothing(
    database: Database,
    job_store: JobStore,
    account: Account,
    budgets: BudgetStore,
    tenant: UUID,
) -> None:
    """The gate: a commit that knew of no budget is waited for before its rows are counted."""
    changes = JobChanges(database)

    def work(n: int) -> int:
        runs, done = RunStore(database), 0
        for turn in range(12):
            job = job_store.add(NewJob(tenant, "segmind", "ssd-canny", {}, PRICE))
            if (n + turn) % 3 == 0:
                with suppress(IllegalMove):  # another may have claimed and ended it
                    changes.cancel(tenant, job.id)
            for one in claimed(runs, account, 2):
                runs.settle(succeeded(one))
                done += 1
        return done

    with ThreadPoolExecutor(5) as threads:
        working = [threads.submit(work, n) for n in range(4)]
        turns = 0
        while not all(one.done() for one in working) or turns < 3:
            for period in Period:
                budgets.remove(tenant, period)
                budgets.set(tenant, Money(10_000 * PRICE), period)
            assert budgets.check() == []
            turns += 1
        assert sum(one.result() for one in working)
    assert budgets.check() == []


def test_a_row_that_is_spoiled_is_found_and_put_right(
    database: Database,
    submit: Submit,
    runs: RunStore,
    account: Account,
    budgets: BudgetStore,
    tenant: UUID,
) -> None:
    for period in Period:
        budgets.set(tenant, Money(10 * PRICE), period)
    submit(), submit()
    for one in claimed(runs, account, 1):
        runs.settle(succeeded(one))
    assert budgets.check() == []
    good = budgets.of_tenant(tenant)
    for values in ({"reserved": budget_periods.c.reserved + 1}, {"spent": 0}):
        with database.write() as connection:
            connection.execute(update(budget_periods).values(values))
        found = budgets.check()
        assert [one.period for one in found] == [Period.DAY, Period.MONTH, Period.TOTAL]
        assert {one.tenant for one in found} == {"default"}
        # One that is changed goes on as it is, and hides nothing.
        budgets.set(tenant, Money(10 * PRICE), Period.TOTAL)
        assert budgets.check() == found
        assert budgets.check(fix=True) == found
        assert budgets.check() == []
        assert budgets.of_tenant(tenant) == good
