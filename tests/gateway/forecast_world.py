"""A pool whose queue, account and workers a test makes as it likes."""

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import redis
from sqlalchemy import delete, insert, update

from api_gateway.forecasts import REMEMBERED_SECONDS
from db.account_values import Account
from db.accounts import AccountStore
from db.ids import new_id
from db.tables import accounts, attempts, jobs, model_pauses, order_levels, order_passes, tenants
from db.tenants import TenantStore
from jobs.wire import DEFAULT_POOL, slots_key
from tests.db.conftest import PRICE
from tests.gateway.gateway_process import Gateway
from tests.systems.processes import wait_until
from worker.announcing import Announcement

NOBODY = (attempts, model_pauses, jobs, accounts, order_levels, order_passes)


def fresh(gateway: Gateway, *, slots: int = 1_000) -> Account:
    """Nothing is queued, and an account of 60 calls a minute has rested; workers serve it."""
    with gateway.database.write() as connection:
        for table in NOBODY:
            connection.execute(delete(table))
    time.sleep(REMEMBERED_SECONDS)  # what the gateway has seen of an earlier test is too old then
    with redis.Redis.from_url(gateway.redis) as line:
        line.delete(slots_key(DEFAULT_POOL))
    if slots:
        workers_serve(gateway, slots)
    return AccountStore(gateway.database).ensure(
        DEFAULT_POOL, "default", call_limit=60, window_seconds=60
    )


def workers_serve(gateway: Gateway, slots: int = 32) -> None:
    """What workers with so many slots would say."""
    with redis.Redis.from_url(gateway.redis) as line:
        Announcement(line, DEFAULT_POOL, slots).tell()


def queue(gateway: Gateway, tenant: str, count: int, weight: int = 1, **fields: Any) -> list[UUID]:
    """So many queued jobs of a tenant, straight into the table."""
    owner = TenantStore(gateway.database).ensure(tenant)
    row = {
        "tenant_id": owner, "pool": DEFAULT_POOL, "model": "ssd-canny", "input": {},
        "state": "queued", "priority": 1, "group_name": "", "tags": [], "metadata": {},
        "max_attempts": 3, "estimate": PRICE, "created_at": datetime.now(UTC), **fields,
    }  # fmt: skip
    ids = [new_id() for _ in range(count)]
    with gateway.database.write() as connection:
        connection.execute(update(tenants).where(tenants.c.id == owner).values(weight=weight))
        connection.execute(insert(jobs), [{**row, "id": one} for one in ids])
    return ids


def read(client: httpx.Client, job_id: UUID | str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
    return found


def wait_for(client: httpx.Client, job_id: UUID | str, **wanted: Any) -> dict[str, Any]:
    """The job as soon as it says so; what is looked at may be a second old."""
    seen: dict[str, Any] = {}

    def met() -> bool:
        seen.update(read(client, job_id))
        return all(seen[name] == value for name, value in wanted.items())

    try:
        wait_until(met, "the job says so", timeout=5, every=0.1)
    except AssertionError as error:
        raise AssertionError(
            f"{wanted}, not { ({name: seen[name] for name in wanted}) }"
        ) from error
    return seen


def seconds_until(moment: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
