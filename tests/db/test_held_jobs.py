"""Jobs of a model that pauses: out of the order, queued in every other respect, and back again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from db.held_jobs import HeldJobs
from db.ids import new_id
from db.job_changes import JobChanges
from db.jobs import JobStore
from db.rows import Claim
from db.runs import RunStore
from db.tables import jobs
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.states import Priority, State
from tests.db.conftest import PRICE, Claimer, Submit, claim_one
from tests.db.rows_read import rows_read

FORBIDDEN, OTHER = "ssd-canny", "ssd-1b"
PAUSE = Pause(PauseReason.FORBIDDEN, None, FORBIDDEN, "not in your plan")


@pytest.fixture
def held_jobs(database: Database) -> HeldJobs:
    return HeldJobs(database)


def _held(database: Database) -> set[UUID]:
    with database.read() as connection:
        return set(connection.scalars(select(jobs.c.id).where(jobs.c.held_for.is_not(None))))


def _add(database: Database, tenant: UUID, model: str, count: int) -> None:
    row = {
        "tenant_id": tenant, "pool": "segmind", "model": model, "input": {"samples": 1},
        "state": "queued", "priority": 1, "group_name": "", "tags": [], "metadata": {},
        "max_attempts": 3, "estimate": PRICE, "created_at": datetime.now(UTC),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(jobs), [{**row, "id": new_id()} for _ in range(count)])


def test_only_jobs_that_no_account_may_call_are_held_and_all_come_back(
    submit: Submit,
    claim: Claimer,
    account: Account,
    account_store: AccountStore,
    held_jobs: HeldJobs,
    job_store: JobStore,
    database: Database,
) -> None:
    waiting = [submit(model=FORBIDDEN) for _ in range(3)]
    other = submit(model=OTHER)
    assert held_jobs.hold("segmind", 10) == 0
    account_store.pause(account.id, PAUSE)
    second = account_store.ensure("segmind", "second", call_limit=60, window_seconds=60)
    assert held_jobs.hold("segmind", 10) == 0
    account_store.pause(second.id, PAUSE)
    assert [held_jobs.hold("segmind", 2) for _ in range(3)] == [2, 1, 0]
    assert _held(database) == {job.id for job in waiting}
    assert job_store.waiting("segmind", 10) == 1
    assert held_jobs.bring_back("segmind", 10) == 0
    assert claim().job.id == other.id

    assert account_store.resume_model(second.id, FORBIDDEN)
    assert [held_jobs.bring_back("segmind", 2) for _ in range(3)] == [2, 1, 0]
    assert _held(database) == set()
    assert job_store.waiting("segmind", 10) == 3


def test_held_jobs_can_be_canceled_changed_and_expire(
    submit: Submit,
    account: Account,
    account_store: AccountStore,
    held_jobs: HeldJobs,
    job_store: JobStore,
    database: Database,
    tenant: UUID,
) -> None:
    canceled, late, urgent, plain = (submit(model=FORBIDDEN) for _ in range(4))
    account_store.pause(account.id, PAUSE)
    assert held_jobs.hold("segmind", 10) == 4
    JobChanges(database).cancel(tenant, canceled.id)
    with database.write() as connection:
        change = update(jobs).where(jobs.c.id == late.id)
        connection.execute(change.values(start_by=datetime.now(UTC) - timedelta(seconds=1)))
    assert job_store.expire(10) == [late.id]
    ended = [job_store.get(tenant, job.id).state for job in (canceled, late)]
    assert ended == [State.CANCELED, State.EXPIRED]
    JobChanges(database).change(tenant, urgent.id, {"priority": Priority.HIGH}, lambda *_: None)
    account_store.resume_model(account.id, FORBIDDEN)
    assert held_jobs.bring_back("segmind", 10) == 2
    assert _held(database) == set()
    runs = RunStore(database)
    found = [claim_one(runs, account.id) for _ in range(3)]
    assert [one and getattr(one, "job").id for one in found] == [urgent.id, plain.id, None]  # noqa: B009


def test_tenants_share_as_before_beside_held_jobs(
    submit: Submit,
    claim: Claimer,
    account: Account,
    account_store: AccountStore,
    held_jobs: HeldJobs,
    database: Database,
) -> None:
    tenants = [TenantStore(database).ensure(name) for name in ("one", "other", "third")]
    for tenant in tenants[:2]:
        _add(database, tenant, FORBIDDEN, 30)
        _add(database, tenant, OTHER, 30)
    _add(database, tenants[2], FORBIDDEN, 30)
    account_store.pause(account.id, PAUSE)
    before = Counter(claim().job.tenant_id for _ in range(10))
    assert held_jobs.hold("segmind", 1_000) == 90
    after = Counter(claim().job.tenant_id for _ in range(10))
    assert before == after == {tenants[0]: 5, tenants[1]: 5}
    # Nobody has saved up turns while its jobs were held.
    account_store.resume_model(account.id, FORBIDDEN)
    held_jobs.bring_back("segmind", 1_000)
    assert set(Counter(claim().job.tenant_id for _ in range(12)).values()) <= {3, 4, 5}


def test_claims_race_with_holding_and_every_job_is_claimed_once_or_held(
    account: Account,
    account_store: AccountStore,
    runs: RunStore,
    held_jobs: HeldJobs,
    database: Database,
    tenant: UUID,
) -> None:
    _add(database, tenant, FORBIDDEN, 60)
    _add(database, tenant, OTHER, 60)
    account_store.pause(account.id, PAUSE)

    def claim_all(_: int) -> list[str]:
        got = []
        for _ in range(60):
            found = claim_one(runs, account.id)
            if found is not None:
                got.append(getattr(found, "job").model)  # noqa: B009
        return got

    with ThreadPoolExecutor(4) as threads:
        holding = [threads.submit(held_jobs.hold, "segmind", 7) for _ in range(12)]
        got = [model for part in threads.map(claim_all, range(3)) for model in part]
        held = sum(one.result() for one in holding)
    while more := held_jobs.hold("segmind", 100):  # what two of them had both looked at
        held += more
    assert Counter(got) == {OTHER: 60}
    assert held == len(_held(database)) == 60


def test_twenty_thousand_held_jobs_cost_no_claim_of_another_model_a_look(line: Database) -> None:
    tenant = TenantStore(line).ensure("default")
    account_store, runs = AccountStore(line), RunStore(line)
    account = account_store.ensure("segmind", "default", call_limit=60, window_seconds=60)

    def reads() -> int:
        return min(rows_read(line, lambda: claim_one(runs, account.id)) for _ in range(5))

    _add(line, tenant, OTHER, 5)
    alone = reads()
    account_store.pause(account.id, PAUSE)
    first = new_id()  # in front of what follows
    _add(line, tenant, FORBIDDEN, 20_000)
    _add(line, tenant, OTHER, 6)
    while HeldJobs(line).hold("segmind", 1_000):
        pass
    assert len(_held(line)) == 20_000
    assert reads() < 2 * alone + 500
    last = claim_one(runs, account.id)
    assert isinstance(last, Claim)
    assert last.job.id > first
