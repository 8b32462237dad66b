from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from db.account_values import Account
from db.accounts import AccountStore
from db.batch_rows import Batch, NewBatch
from db.batches import BatchStore
from db.engine import Database
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import Claim, Held, Job, NewJob, Output, Settlement, Terms
from db.runs import RunStore
from db.tenants import TenantStore
from jobs.failures import Failure
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State

LEASE = timedelta(seconds=60)
PRICE = Money(60_000_000)


@pytest.fixture
def line(database_url: str) -> Iterator[Database]:
    """A database with the current schema and a single connection."""
    found = Database(database_url, pool_size=1, overflow=0)
    upgrade(found)
    yield found
    found.close()


@pytest.fixture
def job_store(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def runs(database: Database) -> RunStore:
    return RunStore(database)


@pytest.fixture
def account_store(database: Database) -> AccountStore:
    return AccountStore(database)


@pytest.fixture
def account(account_store: AccountStore) -> Account:
    return account_store.ensure("segmind", "default", call_limit=60, window_seconds=60)


@pytest.fixture
def tenant(database: Database) -> UUID:
    return TenantStore(database).ensure("default")


@pytest.fixture
def batch(database: Database, tenant: UUID) -> Batch:
    return BatchStore(database).add(NewBatch(tenant, "segmind", "one", {}))


Submit = Callable[..., Job]


@pytest.fixture
def submit(job_store: JobStore, tenant: UUID) -> Submit:
    def one(**fields: Any) -> Job:
        defaults: dict[str, Any] = {
            "tenant_id": tenant,
            "pool": "segmind",
            "model": "ssd-canny",
            "input": {"prompt": "a", "seed": -1, "samples": 1},
            "estimate": PRICE,
        }
        return job_store.add(NewJob(**{**defaults, **fields}))

    return one


def claim_one(
    runs: RunStore, account_id: UUID, lease: timedelta = LEASE, pool: str = "segmind"
) -> Claim | Held | None:
    """The next job, or why there is none."""
    found = runs.claim(pool, account_id, terms=Terms(lease))
    if isinstance(found, Held):
        return found
    return found[0] if found else None


Claimer = Callable[[], Claim]


@pytest.fixture
def claim(runs: RunStore, account: Account) -> Claimer:
    def one() -> Claim:
        found = claim_one(runs, account.id)
        assert isinstance(found, Claim)
        return found

    return one


def succeeded(claim: Claim, **fields: Any) -> Settlement:
    brought: dict[str, Any] = {
        "decision": Decision(State.SUCCEEDED, spends_attempt=True),
        "cost": Money(50_000_000),
        "outputs": (Output(0, "outputs/x/0", "image/jpeg", 8, 8, 100, "ab" * 32),),
        "request_id": f"r-{claim.attempt_id}",
    }
    return _settlement(claim, **{**brought, **fields})


def failed(claim: Claim, failure: Failure, decision: Decision, **fields: Any) -> Settlement:
    fields = {"cost": Money(0), **fields}
    return _settlement(claim, decision=decision, failure=failure, **fields)


def _settlement(claim: Claim, **fields: Any) -> Settlement:
    defaults: dict[str, Any] = {
        "attempt_id": claim.attempt_id,
        "account_id": claim.account_id,
        "job_id": claim.job.id,
        "tenant_id": claim.job.tenant_id,
        "number": claim.number,
        "cost_known": True,
        "seed": claim.seed,
    }
    return Settlement(**{**defaults, **fields})
