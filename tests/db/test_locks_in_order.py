"""Everything that locks rows of batches, tenants, queues, budgets and the order, at once and much of it."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text

from db.account_values import Account
from db.accounts import AccountStore
from db.batch_intake import BatchIntake
from db.batch_rows import Batch, NewBatch
from db.batch_sweeps import BatchSweeps
from db.batch_upkeep import BatchUpkeep
from db.batches import BatchStore
from db.budgets import BudgetStore
from db.engine import Database
from db.inputs import InputStore
from db.job_changes import JobChanges
from db.job_removals import JobRemovals
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import Claim, Held, Input, Job, Moved, NewJob, Settlement, Terms
from db.runs import RunStore
from db.tables import accounts, budget_periods, jobs, tenants
from db.tenants import Limits, TenantStore
from db.upload_removals import remove_uploads
from jobs.budgets import Period
from jobs.credits import Reading
from jobs.errors import BudgetExceeded, IllegalMove, TooManyQueued
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import Priority, State
from tests.db.a_batch import lines_of
from tests.db.conftest import LEASE, PRICE, failed, succeeded
from tests.servers.databases import new_database
from tests.systems.processes import wait_until

DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
MOST_RUNNING = 4
IMAGES = ("ab" * 32, "cd" * 32)
TURNS = 25


def test_whatever_is_locked_nobody_waits_for_one_who_waits_for_him(
    database: Database, database_url: str, account_store: AccountStore
) -> None:
    """A deadlock would be an error of one of them, or of a group that is then settled one by one;
    and what is bounded stays so.
    """
    store = TenantStore(database)
    tenants = [store.create(name).id for name in ("one", "two", "three")]
    both = [
        account_store.ensure("segmind", name, call_limit=60, window_seconds=60) for name in "ab"
    ]
    of_all = [
        BatchStore(database).add(NewBatch(tenant, "segmind", "one", {}, stop_after=2))
        for tenant in tenants
        for _ in range(2)
    ]
    for tenant, name in zip(tenants, ("one", "two", "three"), strict=True):
        store.set_limits(name, Limits(max_running=MOST_RUNNING, max_queued=60))
        for period, calls in ((Period.TOTAL, 400), (Period.DAY, 120)):
            BudgetStore(database).set(tenant, Money(calls * PRICE), period, (50,))

    def work(n: int) -> int:
        # A process each has connections of its own.
        mine = Database(database_url, pool_size=1, overflow=0)
        try:
            return _work(mine, tenants, both, of_all, random.Random(n))
        finally:
            mine.close()

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(work, range(6))) > 0
    assert BudgetStore(database).check() == []
    with database.read() as connection:
        if not database.is_sqlite:
            assert connection.scalar(DEADLOCKS) == 0
        running = connection.execute(
            select(jobs.c.tenant_id, func.count())
            .where(jobs.c.state == State.RUNNING)
            .group_by(jobs.c.tenant_id)
        ).all()
    assert all(count <= MOST_RUNNING for _, count in running)


def _work(
    database: Database,
    tenants: list[UUID],
    callers: list[Account],
    of_all: list[Batch],
    chance: random.Random,
) -> int:
    """How many calls were settled."""
    store, runs, changes = JobStore(database), RunStore(database), JobChanges(database)
    known: list[Job] = []
    settled = 0
    for _ in range(TURNS):
        soon = datetime.now(UTC) + timedelta(seconds=chance.uniform(0, 0.5))
        new = [
            NewJob(
                chance.choice(tenants),
                *("segmind", "ssd-canny", _input(chance), PRICE),
                group=chance.choice("xy"),
                start_by=chance.choice([None, None, soon]),
                finish_by=chance.choice([None, None, soon]),
            )
            for _ in range(5)
        ]
        known += [one for one in store.add_each(new) if isinstance(one, Job)]
        found: list[Claim] = []
        for account in chance.sample(callers, 2):
            claimed = runs.claim("segmind", account.id, terms=Terms(LEASE), count=2)
            assert not isinstance(claimed, Held)
            found += claimed
        done = runs.settle_many([_end(one, chance) for one in found])
        assert not [one for one in done if isinstance(one, Exception)]
        settled += len(done)
        store.expire(20)
        _purge(database, chance.choice(tenants), chance)
        _do_to_all(database, chance.choice(of_all), chance)
        some = chance.choice(known or [None])
        if some is None:
            continue
        try:
            chance.choice([changes.cancel, changes.retry])(some.tenant_id, some.id)
        except (IllegalMove, TooManyQueued, BudgetExceeded):
            continue
    return settled


def _input(chance: random.Random) -> dict[str, Any]:
    image = chance.choice([None, None, *IMAGES])
    return {"seed": -1} if image is None else {"seed": -1, "image": f"segq:{image}"}


def _do_to_all(database: Database, batch: Batch, chance: random.Random) -> None:
    """Lines come, something is done to all that have come, and upkeep sees to it."""
    of, sweeps, upkeep = (batch.tenant_id, batch.id), BatchSweeps(database), BatchUpkeep(database)
    try:
        if chance.random() < 0.5:
            names = [str(chance.randrange(40)) for _ in range(5)]
            BatchIntake(database).take(*of, lines_of(batch, *names, price=PRICE))
        match chance.randrange(4):
            case 0:
                sweeps.cancel(*of)
            case 1:
                sweeps.set_priority(*of, chance.choice(list(Priority)))
            case _:
                sweeps.retry(*of, [State.CANCELED, State.FAILED])
    except IllegalMove:
        pass  # somebody was quicker
    for one in sweeps.begun(10):
        sweeps.go_on(one)
    upkeep.tend(50)


def _purge(database: Database, tenant: UUID, chance: random.Random) -> None:
    """All that has ended has had its time, and an image that is removed is uploaded again."""
    by, removals = datetime.now(UTC) + timedelta(hours=1), JobRemovals(database)
    removals.remove_images(tenant, by, 5)
    removals.remove_data(tenant, by, 5)
    remove_uploads(database, tenant, by, 5)
    inputs, sha256 = InputStore(database), chance.choice(IMAGES)
    number = inputs.next_generation(tenant, sha256)
    inputs.add(Input(tenant, sha256, f"inputs/{number}", "image/png", 1, 1, 1, number))


def _end(claim: Claim, chance: random.Random) -> Settlement:
    match chance.randrange(3):
        case 0:
            now = datetime.now(UTC)
            return succeeded(claim, credits=Reading(Money(10**6 * PRICE), now, now))
        case 1:
            again = Decision(State.QUEUED, spends_attempt=True)
            return failed(claim, Failure(FailureKind.UPSTREAM_ERROR, "500"), again, cost=PRICE)
        case _:
            back = Decision(State.QUEUED, spends_attempt=False)
            return failed(claim, Failure(FailureKind.NOT_SENT, "no route"), back)


def test_a_settle_of_several_accounts_locks_them_in_the_order_of_their_ids(postgres: str) -> None:
    """While it waits for the first, others are free to lock the second."""
    url = new_database(postgres)
    database, holder = Database(url), Database(url)
    upgrade(database)
    store = AccountStore(database)
    both = [store.ensure("segmind", name, call_limit=60, window_seconds=60) for name in "ab"]
    first, second = sorted(one.id for one in both)
    tenant = TenantStore(database).create("one").id
    claims = []
    for account_id in (second, first):
        JobStore(database).add(NewJob(tenant, "segmind", "ssd-canny", {"seed": -1}, PRICE))
        claimed = RunStore(database).claim("segmind", account_id, terms=Terms(LEASE))
        assert not isinstance(claimed, Held)
        claims += claimed
    now = datetime.now(UTC)
    settles = [succeeded(one, credits=Reading(Money(PRICE), now, now)) for one in claims]
    with ThreadPoolExecutor(1) as thread:
        with holder.write() as connection:
            connection.execute(_row_of(first).with_for_update())
            settling = thread.submit(RunStore(database).settle_many, settles)
            wait_until(lambda: _waiting(database) == 1, "the settle waits")
            with database.write() as other:
                other.execute(_row_of(second).with_for_update(nowait=True))
        assert settling.result(20) == [Moved.YES] * 2
    database.close()
    holder.close()


def test_the_end_of_a_cancel_locks_the_tenant_before_its_budget(postgres: str) -> None:
    """While it waits for the first, claims of the tenant are free to lock the second."""
    url = new_database(postgres)
    database, holder = Database(url), Database(url)
    upgrade(database)
    tenant = TenantStore(database).create("one").id
    BudgetStore(database).set(tenant, Money(100 * PRICE), Period.TOTAL, ())
    batch = BatchStore(database).add(NewBatch(tenant, "segmind", "one", {}))
    BatchIntake(database).take(tenant, batch.id, lines_of(batch, *"ab"))
    sweeps = BatchSweeps(database)
    sweeps.cancel(tenant, batch.id)
    with ThreadPoolExecutor(1) as thread:
        with holder.write() as connection:
            mine = select(tenants).where(tenants.c.id == tenant)
            connection.execute(mine.with_for_update(key_share=True))
            canceling = thread.submit(sweeps.go_on, batch.id)
            wait_until(lambda: _waiting(database) == 1, "the cancel waits")
            with database.write() as other:
                held = select(budget_periods).where(budget_periods.c.tenant_id == tenant)
                assert other.execute(held.with_for_update(nowait=True)).all()
        assert canceling.result(20).changed == 2
    database.close()
    holder.close()


def _waiting(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(WAITING) or 0


def _row_of(account_id: UUID) -> Select[Any]:
    return select(accounts.c.id).where(accounts.c.id == account_id)
