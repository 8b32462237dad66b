"""Any path of jobs beside a model that only adds up: submits, claims, ends, doubts, days, budgets.

The model knows nothing of sums that are kept: what is used is counted from its jobs each time. So
are the counts of a batch, which half of the jobs are in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select, update

from db.accounts import AccountStore
from db.batch_counts import add_up, counts_of
from db.batch_rows import NewBatch
from db.batches import BatchStore
from db.budgets import BudgetStore
from db.covering import Covering
from db.engine import Database
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import Claim, NewJob, Terms
from db.rows import Job as KeptJob
from db.runs import RunStore
from db.tables import budget_periods, jobs, metadata
from db.tenants import TenantStore
from jobs.batches import NONE, Count, Place, place_of
from jobs.budgets import Period
from jobs.doubts import DoubtEnd
from jobs.errors import BudgetExceeded
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import LEASE, failed, succeeded
from tests.db.yesterday import begin_a_day_ago

BROKE = Failure(FailureKind.UPSTREAM_ERROR, "it broke")
LOST = Failure(FailureKind.WORKER_LOST, "its worker was lost")
WAITS, ENDED = {State.QUEUED}, {State.FAILED, State.CANCELED, State.EXPIRED}


@dataclass
class Call:
    claim: Claim
    day: int
    price: int
    cost: int | None = None
    """None: it has not ended."""
    known: bool = False

    @property
    def holds(self) -> int:
        return self.price if self.cost is None else self.cost


@dataclass
class Job:
    id: UUID
    tenant: UUID
    price: int
    state: State = State.QUEUED
    held: bool = False
    wish: bool = False
    images: bool = False
    calls: list[Call] = field(default_factory=list)


class Paths(RuleBasedStateMachine):
    database: ClassVar[Database]

    def __init__(self) -> None:
        super().__init__()
        with self.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.store, self.runs = JobStore(self.database), RunStore(self.database)
        self.changes, self.budgets = JobChanges(self.database), BudgetStore(self.database)
        self.account = AccountStore(self.database).ensure(
            "p", "a", call_limit=60, window_seconds=60
        )
        ensure = TenantStore(self.database).ensure
        self.tenants = [ensure(name) for name in ("one", "two")]
        self.jobs: list[Job] = []
        self.batch = BatchStore(self.database).add(NewBatch(self.tenants[0], "p", "", {})).id
        self.limits: dict[tuple[UUID, Period], int] = {}
        self.day = 0

    # What the model says.

    def used(self, tenant: UUID, period: Period) -> int:
        mine = [one for one in self.jobs if one.tenant == tenant]
        calls = [call for job in mine for call in job.calls]
        if period is Period.DAY:
            return sum(call.holds for call in calls if call.day == self.day)
        waiting = sum(job.price for job in mine if job.state in WAITS and not job.held)
        return waiting + sum(call.holds for call in calls)

    def covers(self, tenant: UUID, period: Period, price: int) -> bool:
        limit = self.limits.get((tenant, period))
        return limit is None or self.used(tenant, period) + price <= limit

    def admits(self, tenant: UUID, price: int) -> bool:
        never = price > self.limits.get((tenant, Period.DAY), price)
        return not never and self.covers(tenant, Period.TOTAL, price)

    def some(self, data: st.DataObject, *states: State) -> Job | None:
        found = [one for one in self.jobs if one.state in states]
        return data.draw(st.sampled_from(found)) if found else None

    def end(self, job: Job, cost: int, state: State, *, known: bool = True) -> None:
        """The job's call ended; where it is to be sent again, that needs another reservation."""
        call = job.calls[-1]
        call.cost, call.known = cost, known
        from_doubt = job.state is State.IN_DOUBT
        job.images = state is State.SUCCEEDED
        kept_as_it_is = state is State.SUCCEEDED and from_doubt
        if job.wish and not kept_as_it_is:
            state = State.CANCELED
        job.state = State.RUNNING  # it holds nothing while this is decided
        if state is State.QUEUED:
            job.held = cost > 0 and not self.covers(job.tenant, Period.TOTAL, job.price)
        job.state = state

    def ask_again(self) -> None:
        """Whoever was not covered is asked again, as after a while."""
        with self.database.write() as connection:
            long_ago = datetime.now(UTC) - timedelta(minutes=1)
            connection.execute(update(budget_periods).values(short_at=long_ago))

    # What may happen.

    @rule(tenant=st.integers(0, 1), prices=st.lists(st.integers(1, 5), min_size=1, max_size=3))
    def submit(self, tenant: int, prices: list[int]) -> None:
        mine = self.tenants[tenant]
        batch = [None, self.batch][tenant]
        new = NewJob(mine, "p", "ssd-canny", {}, Money(0), batch_id=batch)
        came = self.store.add_each([replace(new, estimate=Money(p)) for p in prices])
        for price, one in zip(prices, came, strict=True):
            assert isinstance(one, BudgetExceeded) is not self.admits(mine, price)
            if isinstance(one, KeptJob):
                self.jobs.append(Job(one.id, mine, price))

    @rule(count=st.integers(1, 4))
    def claim(self, count: int) -> None:
        self.ask_again()
        found = self.runs.claim("p", self.account.id, terms=Terms(LEASE), count=count)
        assert isinstance(found, list)
        for claim in found:
            queue = self.queue(claim.job.tenant_id)
            # In order, and covered.
            assert queue[0].id == claim.job.id
            assert self.covers(queue[0].tenant, Period.DAY, queue[0].price)
            queue[0].state = State.RUNNING
            queue[0].calls.append(Call(claim, self.day, queue[0].price))
        if len(found) < count:
            for tenant in self.tenants:
                queue = self.queue(tenant)
                assert not queue or not self.covers(tenant, Period.DAY, queue[0].price)

    def queue(self, tenant: UUID) -> list[Job]:
        return [
            one
            for one in sorted(self.jobs, key=lambda job: job.id)
            if one.tenant == tenant and one.state is State.QUEUED and not one.held
        ]

    @rule(data=st.data(), cost=st.integers(0, 7))
    def succeed(self, data: st.DataObject, cost: int) -> None:
        job = self.some(data, State.RUNNING, State.IN_DOUBT)
        if job is not None and self.runs.settle(succeeded(job.calls[-1].claim, cost=Money(cost))):
            self.end(job, cost, State.SUCCEEDED)

    @rule(data=st.data(), cost=st.integers(0, 7), again=st.booleans())
    def fail(self, data: st.DataObject, cost: int, again: bool) -> None:
        job = self.some(data, State.RUNNING, State.IN_DOUBT)
        if job is None:
            return
        state = State.QUEUED if again else State.FAILED
        decision = Decision(state, spends_attempt=True)
        self.runs.settle(failed(job.calls[-1].claim, BROKE, decision, cost=Money(cost)))
        self.end(job, cost, state)

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        job = self.some(data, State.RUNNING)
        if job is not None:
            doubt = Decision(State.IN_DOUBT, spends_attempt=True)
            self.runs.settle(failed(job.calls[-1].claim, LOST, doubt, cost_known=False))
            job.state = State.IN_DOUBT

    @rule(data=st.data(), end=st.sampled_from([*DoubtEnd]))
    def end_a_doubt(self, data: st.DataObject, end: DoubtEnd) -> None:
        job = self.some(data, State.IN_DOUBT)
        if job is None:
            return
        again = end in {DoubtEnd.ABSENT, DoubtEnd.POLICY_RETRY, DoubtEnd.OPERATOR_RETRY}
        state = State.QUEUED if again else State.FAILED
        cost = 0 if end is DoubtEnd.ABSENT else job.price
        decision = Decision(state, spends_attempt=True)
        self.runs.settle(
            failed(
                job.calls[-1].claim,
                LOST,
                decision,
                cost=Money(cost),
                cost_known=False,
                doubt_ended=end,
            )
        )
        self.end(job, cost, state, known=False)

    @rule(data=st.data(), cost=st.integers(0, 7))
    def find_out_what_it_cost(self, data: st.DataObject, cost: int) -> None:
        believed = [
            call
            for job in self.jobs
            for call in job.calls
            if call.cost is not None and not call.known
        ]
        if believed:
            call = data.draw(st.sampled_from(believed))
            fields: dict[str, Any] = {"cost": Money(cost), "found_by_request": True}
            self.runs.settle(
                failed(call.claim, BROKE, Decision(State.FAILED, spends_attempt=True), **fields)
            )
            call.cost, call.known = cost, True

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = self.some(data, State.QUEUED, State.RUNNING, State.IN_DOUBT)
        if job is not None:
            self.changes.cancel(job.tenant, job.id)
            if job.state is State.QUEUED:
                job.state, job.held = State.CANCELED, False
            job.wish = True

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        job = self.some(data, State.QUEUED)
        if job is not None:
            with self.database.write() as connection:
                connection.execute(
                    update(jobs).where(jobs.c.id == job.id).values(finish_by=datetime.now(UTC))
                )
            assert self.store.expire(10) == [job.id]
            job.state, job.held = State.EXPIRED, False

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job = self.some(data, *ENDED)
        if job is None or job.images:
            return
        if not self.admits(job.tenant, job.price):
            with pytest.raises(BudgetExceeded):
                self.changes.retry(job.tenant, job.id)
            return
        self.changes.retry(job.tenant, job.id)
        job.state, job.wish = State.QUEUED, False

    @rule(
        tenant=st.integers(0, 1),
        period=st.sampled_from([Period.TOTAL, Period.DAY]),
        limit=st.integers(0, 20),
    )
    def set_a_budget(self, tenant: int, period: Period, limit: int) -> None:
        mine = self.tenants[tenant]
        self.budgets.set(mine, Money(limit), period, (50, 100))
        self.limits[mine, period] = limit

    @precondition(lambda self: self.limits)
    @rule(data=st.data())
    def remove_a_budget(self, data: st.DataObject) -> None:
        tenant, period = data.draw(st.sampled_from(sorted(self.limits)))
        assert self.budgets.remove(tenant, period)
        del self.limits[tenant, period]
        if period is Period.TOTAL:
            for job in self.jobs:
                job.held = job.held and job.tenant != tenant

    @rule()
    def bring_back(self) -> None:
        self.ask_again()
        Covering(self.database).bring_back(100)
        for job in sorted(self.jobs, key=lambda job: job.id):
            earlier = [
                one
                for one in self.jobs
                if one.tenant == job.tenant and one.held and one.id < job.id
            ]
            if job.held and not earlier and self.covers(job.tenant, Period.TOTAL, job.price):
                job.held = False

    @rule()
    def a_day_passes(self) -> None:
        begin_a_day_ago(self.database)
        self.day += 1

    @rule(most=st.integers(1, 5))
    def add_counts_up(self, most: int) -> None:
        with self.database.write() as connection:
            add_up(connection, most)

    # What always holds.

    @invariant()
    def every_job_of_the_batch_is_counted_where_it_is(self) -> None:
        with self.database.read() as connection:
            counted = counts_of(connection, self.batch).by_place
            rows = connection.execute(select(jobs).where(jobs.c.batch_id == self.batch)).all()
        found: dict[Place, Count] = {}
        for row in rows:
            place = place_of(State(row.state), row.error)
            found[place] = found.get(place, NONE) + Count(1, row.cost, row.estimate)
        assert counted == found

    @invariant()
    def every_sum_is_the_models(self) -> None:
        assert self.budgets.check() == []
        shown = {
            (tenant, one.period): (one.limit, one.share.used)
            for tenant in self.tenants
            for one in self.budgets.of_tenant(tenant)
        }
        assert shown == {
            key: (limit, self.used(*key)) for key, limit in sorted(self.limits.items())
        }

    @invariant()
    def every_job_is_where_the_model_has_it(self) -> None:
        kept = self.store.get_many([(job.tenant, job.id) for job in self.jobs])
        assert [(one.state, one.held_for == "budget") for one in kept if one] == [
            (job.state, job.held) for job in self.jobs
        ]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'segq.db'}")
    # Nothing here is to outlive a power cut, and most of the time would go into that.
    event.listen(
        database.engine, "connect", lambda found, _: found.execute("PRAGMA synchronous=OFF")
    )
    upgrade(database)
    yield database
    database.close()


@pytest.mark.timeout(8 * 3600)
def test_any_path_holds_what_a_model_counts(line: Database, request: pytest.FixtureRequest) -> None:
    full = request.config.getoption("--full")
    machine = type("AnyPaths", (Paths,), {"database": line})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10_000 if full else 15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
