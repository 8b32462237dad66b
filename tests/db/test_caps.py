"""How many jobs of a tenant, or of its group, run at once: exactly, and in nobody else's way."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from uuid import UUID

from sqlalchemy import func, insert, select

from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from db.ids import new_id
from db.jobs import JobStore
from db.rows import Claim, Held, Terms
from db.runs import RunStore
from db.tables import jobs
from db.tenants import TenantStore
from jobs.states import Priority
from tests.db.conftest import LEASE, Submit, succeeded
from tests.db.rows_read import rows_read


def _claims(runs: RunStore, account: Account, count: int) -> list[Claim]:
    found = runs.claim("segmind", account.id, terms=Terms(LEASE), count=count)
    assert not isinstance(found, Held)
    return found


def _tenants_of(claims: list[Claim]) -> Counter[UUID]:
    return Counter(claim.job.tenant_id for claim in claims)


def test_a_tenant_at_its_cap_is_left_out_until_one_of_its_jobs_ends(
    database: Database, tenant: UUID, submit: Submit, runs: RunStore, account: Account
) -> None:
    store = TenantStore(database)
    other = store.ensure("other")
    for _ in range(6):
        submit()
        submit(tenant_id=other)
    store.set_limits("default", {"max_running": 2})
    first = _claims(runs, account, 5)
    assert _tenants_of(first) == {tenant: 2, other: 3}
    assert all(one.capped == (one.job.tenant_id == tenant) for one in first)
    assert _tenants_of(_claims(runs, account, 2)) == {other: 2}
    ended = next(one for one in first if one.job.tenant_id == tenant)
    runs.settle(succeeded(ended))
    assert _tenants_of(_claims(runs, account, 5)) == {tenant: 1, other: 1}
    assert runs.next_price("segmind", account.id) is None
    store.set_limits("default", {"max_running": None})
    assert _tenants_of(_claims(runs, account, 9)) == {tenant: 3}


def test_a_cap_that_is_lowered_below_what_runs_lets_them_finish(
    database: Database, submit: Submit, runs: RunStore, account: Account
) -> None:
    for _ in range(5):
        submit()
    first = _claims(runs, account, 3)
    TenantStore(database).set_limits("default", {"max_running": 1})
    for one in first[:2]:
        assert runs.settle(succeeded(one))
        assert _claims(runs, account, 1) == []
    runs.settle(succeeded(first[2]))
    assert len(_claims(runs, account, 5)) == 1


def test_a_group_has_a_cap_over_all_priorities(
    database: Database, submit: Submit, runs: RunStore, account: Account
) -> None:
    for priority in Priority:
        for _ in range(2):
            submit(group="big", priority=priority)
    low = [submit(group="small", priority=Priority.LOW).id for _ in range(2)]
    TenantStore(database).set_group_cap("default", "big", 3)
    found = _claims(runs, account, 10)
    assert [one.job.priority for one in found if one.job.group == "big"] == [
        *([Priority.HIGH] * 2),
        Priority.NORMAL,
    ]
    assert [one.job.id for one in found if one.job.group == "small"] == low
    assert _claims(runs, account, 10) == []
    runs.settle(succeeded(found[0]))
    assert [one.job.group for one in _claims(runs, account, 10)] == ["big"]


def test_claims_of_several_accounts_at_once_never_start_more_than_a_cap(
    database: Database, database_url: str, tenant: UUID, submit: Submit, account_store: AccountStore
) -> None:
    """Claims of one account wait for each other; those of others look at the same places at once."""
    store = TenantStore(database)
    other = store.ensure("other")
    for n in range(40):
        submit(group=f"g{n % 2}")
        submit(tenant_id=other)
    store.set_limits("default", {"max_running": 3})
    store.set_group_cap("default", "g1", 1)
    accounts = [
        account_store.ensure("segmind", f"account-{n}", call_limit=60, window_seconds=60)
        for n in range(4)
    ]
    lines = [Database(database_url, pool_size=1, overflow=0) for _ in accounts]
    most: Counter[str] = Counter()
    looks, together = Lock(), Barrier(len(accounts))

    def look() -> None:
        running = select(jobs.c.tenant_id, jobs.c.group_name, func.count()).where(
            jobs.c.state == "running"
        )
        with database.read() as connection:
            rows = connection.execute(running.group_by(jobs.c.tenant_id, jobs.c.group_name)).all()
        mine = {group: count for owner, group, count in rows if owner == tenant}
        with looks:
            most["tenant"] = max(most["tenant"], sum(mine.values()))
            most["g1"] = max(most["g1"], mine.get("g1", 0))

    def work(n: int) -> int:
        runs, done = RunStore(lines[n]), 0
        for turn in range(40):
            found = _claims(runs, accounts[n], 1 + turn % 4)
            # The first turns wait for each other, so that a cap is reached on any machine.
            if turn < 4:
                together.wait(timeout=60)
            look()
            if turn < 4:
                together.wait(timeout=60)
            for one in found:
                done += bool(runs.settle(succeeded(one)))
        return done

    try:
        with ThreadPoolExecutor(len(accounts)) as threads:
            done = sum(threads.map(work, range(len(accounts))))
    finally:
        for one in lines:
            one.close()
    assert most == {"tenant": 3, "g1": 1}
    assert done == 80


def test_a_tenant_that_is_left_out_is_not_stepped_over_row_by_row(
    database_url: str, database: Database, tenant: UUID, submit: Submit, account: Account
) -> None:
    """A claim beside 6,000 jobs of a tenant at its cap, in a group at its cap, reads no more."""
    store = TenantStore(database)
    full = store.ensure("a-full-one")
    store.set_limits("a-full-one", {"max_running": 1})
    store.set_group_cap("default", "a-full-one", 1)
    for place in ({"tenant_id": full}, {"group": "a-full-one"}):
        for _ in range(2):
            submit(**place)
    runs = RunStore(database)
    assert len(_claims(runs, account, 4)) == 2
    for _ in range(10):
        submit(group="z")
    line = Database(database_url, pool_size=1, overflow=0)
    claims = RunStore(line)

    def claim() -> None:
        assert [one.job.group for one in _claims(claims, account, 1)] == ["z"]

    try:
        rows_read(line, claim)
        alone = min(rows_read(line, claim) for _ in range(3))
        _add(database, full, "", 3_000)
        _add(database, tenant, "a-full-one", 3_000)
        beside = min(rows_read(line, claim) for _ in range(3))
    finally:
        line.close()
    assert beside < 2 * alone + 100


def _add(database: Database, tenant: UUID, group: str, count: int) -> None:
    with database.write() as connection:
        like = dict(
            connection.execute(select(jobs).where(jobs.c.state == "queued").limit(1))
            .mappings()
            .one()
        )
        row = {**like, "tenant_id": tenant, "group_name": group}
        connection.execute(insert(jobs), [{**row, "id": new_id()} for _ in range(count)])


def test_tickets_are_for_those_who_may_claim(
    database: Database, tenant: UUID, submit: Submit, job_store: JobStore, runs: RunStore,
    account: Account,
) -> None:  # fmt: skip
    store = TenantStore(database)
    other = store.ensure("other")
    for n in range(10):
        submit(group=f"g{n % 2}", priority=list(Priority)[n % 3])
        submit(tenant_id=other)
    assert job_store.waiting("segmind", 100) == 20
    store.set_limits("other", {"max_running": 3})
    assert job_store.waiting("segmind", 100) == 13
    store.set_group_cap("default", "g1", 2)
    assert job_store.waiting("segmind", 100) == 10
    assert job_store.waiting("segmind", 9) == 9
    assert len(_claims(runs, account, 20)) == 10
    assert job_store.waiting("segmind", 100) == 0
