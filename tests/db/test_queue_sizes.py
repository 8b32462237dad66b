"""What is counted of a queue, and that counting ends in time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, select, text, update

from db.account_limits import AccountLimits
from db.account_pace import account_paces
from db.account_values import Account, Learned
from db.accounts import AccountStore
from db.engine import Database
from db.ids import new_id
from db.queue_sizes import QueueSizes
from db.tables import attempts, jobs, tenants
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.credits import Reading
from jobs.forecast import Member, before_in_pool
from jobs.money import Money
from jobs.states import Priority
from tests.db.conftest import PRICE, Claimer, Submit
from tests.db.rows_read import rows_read

NORMAL = Priority.NORMAL.rank
POOL = "segmind"


def add(database: Database, tenant: UUID, count: int, **fields: Any) -> list[UUID]:
    """So many queued jobs, straight into the table."""
    row = {
        "tenant_id": tenant, "pool": POOL, "model": "ssd-canny", "input": {}, "state": "queued",
        "priority": NORMAL, "group_name": "", "tags": [], "metadata": {}, "max_attempts": 3,
        "estimate": PRICE, "created_at": datetime.now(UTC), **fields,
    }  # fmt: skip
    rows = [{**row, "id": new_id()} for _ in range(count)]
    with database.write() as connection:
        connection.execute(insert(jobs), rows)
    return [one["id"] for one in rows]


def _position(sizes: QueueSizes, tenant: UUID, job: UUID, group: str = "") -> int:
    pool = sizes.of_pool(POOL).tenants
    own = sizes.of_tenant(POOL, tenant)
    place = sizes.place(POOL, tenant, NORMAL, group)
    assert job in place
    index = place.older_than(job)
    mine = pool.pop(tenant.hex)
    return before_in_pool(mine, own.before(NORMAL, group, index), pool.values()).calls + 1


def test_what_is_counted_is_what_is_queued(
    database: Database, tenant: UUID, submit: Submit, claim: Claimer
) -> None:
    other = TenantStore(database).ensure("other")
    with database.write() as connection:
        connection.execute(update(tenants).where(tenants.c.id == other).values(weight=2))
    add(database, other, 3, model="ssd-1b", estimate=40)
    add(database, other, 1, state="scheduled")
    add(database, other, 1, held_for="forbidden")
    add(database, tenant, 2, priority=Priority.HIGH.rank)
    mine = add(database, tenant, 4, group_name="a")
    add(database, tenant, 5, estimate=PRICE * 3)
    claim()
    sizes = QueueSizes(database)
    pool = sizes.of_pool(POOL)
    assert sorted(pool.models) == ["ssd-1b", "ssd-canny"]
    assert pool.tenants[other.hex] == Member(other.hex, Money(40), 3, weight=2)
    found = pool.tenants[tenant.hex]
    assert (found.queued, found.ahead, found.more) == (10, PRICE, False)
    queue = sizes.of_tenant(POOL, tenant)
    assert queue.size(Priority.HIGH.rank, "").queued == 1
    assert queue.size(NORMAL, "a") == Member("a", PRICE, 4)
    assert queue.size(NORMAL, "") == Member("", Money(PRICE * 3), 5)
    place = sizes.place(POOL, tenant, NORMAL, "a")
    assert [place.older_than(job) for job in mine] == [0, 1, 2, 3]
    assert (place.count, place.whole) == (4, True)
    assert new_id() not in place
    assert sizes.of_pool("nobody").tenants == {}
    assert (sizes.weight(other), sizes.weight(tenant)) == (2, 1)


def test_positions_are_the_order_in_which_jobs_are_claimed(
    database: Database, tenant: UUID, claim: Claimer
) -> None:
    heavy = TenantStore(database).ensure("heavy")
    with database.write() as connection:
        connection.execute(update(tenants).where(tenants.c.id == heavy).values(weight=3))
    add(database, heavy, 30)
    group = add(database, tenant, 6, group_name="b")
    add(database, tenant, 9, group_name="a")
    for _ in range(5):  # so that passes differ
        claim()
    sizes = QueueSizes(database)
    place = sizes.place(POOL, tenant, NORMAL, "b")
    left = [job for job in group if job in place]
    promised = {job: _position(sizes, tenant, job, "b") for job in left}
    got = [claim().job.id for _ in range(40)]
    assert {job: got.index(job) + 1 for job in left} == promised
    assert len(left) == place.count > 1


def test_a_look_costs_the_same_however_much_is_queued(
    database_url: str, database: Database, tenant: UUID
) -> None:
    one = Database(database_url, pool_size=1, overflow=0)
    sizes = QueueSizes(one, most=200)
    others = [TenantStore(database).ensure(f"other-{n}") for n in range(2)]

    def look() -> None:
        sizes.of_pool(POOL)
        sizes.of_tenant(POOL, tenant)
        sizes.place(POOL, tenant, NORMAL, "")

    def fill(count: int) -> int:
        for owner in (tenant, *others):
            add(database, owner, count)
            add(database, owner, count, group_name="b")
        if not database.is_sqlite:
            with database.write() as connection:
                connection.execute(text("ANALYZE jobs"))
        look()
        return rows_read(one, look)

    few, many = fill(250), fill(2_000)
    one.close()
    assert many <= few * 1.2


def test_nobody_is_counted_beyond_the_bound(database: Database, tenant: UUID) -> None:
    ids = add(database, tenant, 150)
    sizes = QueueSizes(database, most=100)
    found = sizes.of_pool(POOL).tenants[tenant.hex]
    assert (found.queued, found.more) == (100, True)
    assert sizes.of_tenant(POOL, tenant).size(NORMAL, "").more
    place = sizes.place(POOL, tenant, NORMAL, "")
    assert (place.count, place.older_than(ids[99]), place.older_than(ids[149])) == (100, 99, 100)
    assert not place.whole


def test_every_look_goes_through_the_orders_index(database: Database, tenant: UUID) -> None:
    add(database, tenant, 3_000)
    add(database, tenant, 3_000, group_name="b", priority=2)
    with database.read() as connection:
        connection.execute(text("ANALYZE"))
    seen: list[tuple[str, Any]] = []

    def see(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        if "jobs" in statement:
            seen.append((statement, parameters))

    sizes = QueueSizes(database)
    event.listen(database.engine, "before_cursor_execute", see)
    try:
        sizes.of_pool(POOL)
        sizes.of_tenant(POOL, tenant)
        sizes.place(POOL, tenant, NORMAL, "")
    finally:
        event.remove(database.engine, "before_cursor_execute", see)
    assert len(seen) == 8
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    looks = []
    with database.read() as connection:
        for statement, parameters in seen:
            lines = [
                str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters)
            ]
            looks += [one for one in lines if re.search(r"(Scan|SEARCH|SCAN)\b.*\bjobs\b", one)]
    assert looks
    assert [one for one in looks if "ix_jobs_order" not in one] == []


def test_the_pace_of_an_account_knows_its_pause_its_burst_and_its_balance(
    database: Database,
    account: Account,
    account_store: AccountStore,
    submit: Submit,
    claim: Claimer,
) -> None:
    now = datetime.now(UTC)
    (found,) = account_paces(database, POOL, now)
    assert (found.limit, found.opens, found.at_once, found.left) == (60, now, 6, None)
    for _ in range(2):
        submit()
        claim()
    account_store.read_credits(account.id, Reading(Money(PRICE * 5), now, now))
    (found,) = account_paces(database, POOL, now)
    assert (found.at_once, found.left, found.in_slots) == (4, PRICE * 3, 2)
    until = now + timedelta(seconds=30)
    account_store.pause(account.id, Pause(PauseReason.RATE_LIMIT, until))
    (found,) = account_paces(database, POOL, now)
    assert (found.opens, found.at_once) == (until, 6)
    account_store.pause(account.id, Pause(PauseReason.OPERATOR, None))
    (found,) = account_paces(database, POOL, now)
    assert found.opens is None


def test_the_pace_is_that_of_what_was_learned_and_of_a_window_that_is_full(
    database: Database, account: Account, submit: Submit, claim: Claimer
) -> None:
    AccountLimits(database).learn(account.id, Learned(20, 60, 1))
    now = datetime.now(UTC)
    (found,) = account_paces(database, POOL, now)
    assert (found.limit, found.at_once, found.opens) == (20, 2, now)
    for _ in range(3):
        submit()
    first = claim()
    claim()
    AccountLimits(database).learn(account.id, Learned(2, 60, 2))
    with database.read() as connection:
        claimed_at = connection.scalar(
            select(attempts.c.claimed_at).where(attempts.c.id == first.attempt_id)
        )
    (found,) = account_paces(database, POOL, now)
    assert claimed_at is not None
    assert found.opens == claimed_at + timedelta(seconds=account.window_seconds)


def test_a_model_that_an_account_may_not_call_is_told(
    database: Database, account: Account, account_store: AccountStore
) -> None:
    account_store.pause(
        account.id, Pause(PauseReason.FORBIDDEN, None, "ssd-1b", "not in your plan")
    )
    (found,) = account_paces(database, POOL, datetime.now(UTC))
    assert found.paused_models == {"ssd-1b"}
    assert found.opens is not None


@pytest.mark.parametrize("count", [1, 500])
def test_many_members_share_what_is_counted(database: Database, tenant: UUID, count: int) -> None:
    for n in range(count):
        add(database, tenant, 1 if count > 1 else 30, group_name=f"group {n}")
    groups = QueueSizes(database, most=1_000).of_tenant(POOL, tenant).priorities[NORMAL]
    assert len(groups) == count
    assert not any(one.more for one in groups.values())
