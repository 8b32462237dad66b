"""Whatever is submitted, claimed, canceled, paused, capped and weighed anew: the claims are those of a
simple model. On SQLite, where an example takes a tenth of a second.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event

from db.accounts import AccountStore
from db.engine import Database
from db.hand_pauses import OPERATOR, HandPauses
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import Claim, Held, NewJob, Terms
from db.runs import RunStore
from db.tenants import TenantStore
from jobs.errors import TooManyQueued
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.conftest import LEASE, failed, succeeded
from tests.db.order_model import ModelJob, OrderModel

TENANTS = ("a", "b", "c")
GROUPS = ("", "x", "y")
NOT_SENT = Failure(FailureKind.NOT_SENT, "refused")
a_tenant, a_group = st.sampled_from(TENANTS), st.sampled_from(GROUPS)
any_group = st.sampled_from((None, *GROUPS))
# Mostly free to go, or most claims would find nothing.
a_cap = st.sampled_from((None, None, 1, 2, 5))
often_not = st.sampled_from((False, False, True))
any_one = st.integers(0, 10**6)
NewOne = tuple[str, str, Priority, int]
a_job = st.tuples(a_tenant, a_group, st.sampled_from(Priority), st.integers(0, 40))
some_counts = st.lists(st.integers(1, 9), min_size=1, max_size=4)


class Order(RuleBasedStateMachine):
    """Each verb is done in the database and in the model; `template` is a migrated database."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "segq.db"
        shutil.copy(self.template, file)
        self._database = Database(f"sqlite:///{file}", pool_size=1, overflow=0)
        # What a crash of the machine would leave is not tried here.
        event.listen(self._database.engine, "connect", _without_waiting_for_the_disk)
        self._tenants = TenantStore(self._database)
        self._ids = {name: self._tenants.ensure(name) for name in TENANTS}
        self._names = {tenant_id: tenant_id.hex for tenant_id in self._ids.values()}
        self._jobs, self._runs = JobStore(self._database), RunStore(self._database)
        accounts = AccountStore(self._database)
        self._account = accounts.ensure("segmind", "one", call_limit=60, window_seconds=60).id
        self._claims: dict[Any, Claim] = {}
        self._model = OrderModel({one.hex: 1 for one in self._ids.values()})

    def teardown(self) -> None:
        self._database.close()
        self._folder.cleanup()

    @initialize(jobs=st.lists(a_job, min_size=10, max_size=30))
    def begin(self, jobs: list[NewOne]) -> None:
        self._submit(jobs)

    @rule(jobs=st.lists(a_job, min_size=1, max_size=20))
    def submit(self, jobs: list[NewOne]) -> None:
        self._submit(jobs)

    def _submit(self, jobs: list[NewOne]) -> None:
        for tenant, group, priority, price in jobs:
            mine = self._ids[tenant]
            fits = self._model.may_submit(mine.hex)
            new = NewJob(
                mine, "segmind", "ssd-canny", {}, Money(price), priority=priority, group=group
            )
            try:
                job = self._jobs.add(new)
            except TooManyQueued:
                assert not fits
                continue
            assert fits
            self._model.jobs[job.id] = ModelJob(job.id, mine.hex, group, priority.rank, price)

    @rule(counts=some_counts)
    def claim(self, counts: list[int]) -> None:
        for count in counts:
            found = self._runs.claim("segmind", self._account, terms=Terms(LEASE), count=count)
            assert not isinstance(found, Held)
            expected = [job for _ in range(count) if (job := self._model.claim()) is not None]
            assert [claim.job.id for claim in found] == expected
            self._claims |= {claim.job.id: claim for claim in found}

    @rule(tenant=a_tenant, jobs=st.integers(2, 9), counts=some_counts)
    def come_alone(self, tenant: str, jobs: int, counts: list[int]) -> None:
        """Many of one kind, and then claims: a newcomer, or one who has been away."""
        self._submit([(tenant, "", Priority.NORMAL, 20)] * jobs)
        self.claim(counts)

    @precondition(lambda self: self._model.in_state("running"))
    @rule(which=any_one, sent=st.booleans())
    def settle(self, which: int, sent: bool) -> None:
        running = self._model.in_state("running")
        job = running[which % len(running)]
        claim = self._claims.pop(job.id)
        if sent:
            assert self._runs.settle(succeeded(claim))
            job.state = "succeeded"
        else:
            again = Decision(State.QUEUED, spends_attempt=False)
            assert self._runs.settle(failed(claim, NOT_SENT, again))
            self._model.refund(job)

    @precondition(lambda self: self._model.in_state("queued"))
    @rule(which=any_one, most=st.integers(1, 9))
    def cancel(self, which: int, most: int) -> None:
        waiting = self._model.in_state("queued")
        for job in waiting[which % len(waiting) :][:most]:
            tenant_id = next(one for one, name in self._names.items() if name == job.tenant)
            JobChanges(self._database).cancel(tenant_id, job.id)
            job.state = "canceled"

    @rule(tenant=a_tenant, group=any_group, paused=often_not)
    def pause(self, tenant: str, group: str | None, paused: bool) -> None:
        mine, pauses = self._ids[tenant], HandPauses(self._database)
        place = mine.hex if group is None else (mine.hex, group)
        if paused:
            pauses.pause(mine, group, OPERATOR, "")
            self._model.paused.add(place)
        else:
            assert pauses.resume(mine, group, OPERATOR) == (place in self._model.paused)
            self._model.paused.discard(place)

    @rule(tenant=a_tenant, group=any_group, cap=a_cap)
    def cap(self, tenant: str, group: str | None, cap: int | None) -> None:
        mine = self._ids[tenant].hex
        place = mine if group is None else (mine, group)
        if group is None:
            self._tenants.set_limits(tenant, {"max_running": cap})
        else:
            self._tenants.set_group_cap(tenant, group, cap)
        self._model.caps.pop(place, None)
        if cap is not None:
            self._model.caps[place] = cap

    @rule(tenant=a_tenant, most=st.sampled_from((None, None, 3, 12)))
    def bound(self, tenant: str, most: int | None) -> None:
        self._tenants.set_limits(tenant, {"max_queued": most})
        self._model.max_queued.pop(self._ids[tenant].hex, None)
        if most is not None:
            self._model.max_queued[self._ids[tenant].hex] = most

    @rule(tenant=a_tenant, weight=st.integers(1, 9))
    def weigh(self, tenant: str, weight: int) -> None:
        self._tenants.set_limits(tenant, {"weight": weight})
        self._model.weights[self._ids[tenant].hex] = weight

    @rule()
    def forget(self) -> None:
        self._runs.forget_settled_turns()

    @invariant()
    def tickets_are_for_what_may_run(self) -> None:
        waiting = self._jobs.waiting("segmind", 1_000)
        assert waiting <= len(self._model.in_state("queued"))
        assert bool(waiting) == self._model.has_next()


def _without_waiting_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def test_claims_are_those_of_the_model(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    template = tmp_path / "template.db"
    database = Database(f"sqlite:///{template}")
    upgrade(database)
    with database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    Order.template = template
    full = request.config.getoption("--full")
    run_state_machine_as_test(
        Order,
        settings=settings(
            max_examples=10_000 if full else 10,
            stateful_step_count=30 if full else 20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=not full,
        ),
    )
