"""Budgets over HTTP: refused at submit, waited for in the queue, shown, and never exceeded by many at once."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from db.budgets import BudgetStore
from db.engine import Database
from db.rows import Terms
from db.runs import RunStore
from db.tables import jobs
from db.tenants import TenantStore
from jobs import money
from jobs.budgets import Period
from jobs.money import Money
from tests.db.conftest import LEASE, succeeded
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, Submit, is_problem
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.gateway.pictures import picture
from tests.systems.processes import wait_until

PRICE = money.parse("0.006")
BODY = {"model": "ssd-canny", "input": SMALL_INPUT}


@pytest.fixture
def budgets(gateway: Gateway) -> BudgetStore:
    return BudgetStore(gateway.database)


@pytest.fixture
def tenant_id(gateway: Gateway, tenant: str, client: httpx.Client) -> UUID:
    assert client.get("/api/v1/budget").json() == {"budgets": []}
    return TenantStore(gateway.database).ensure(tenant)


def test_what_total_does_not_cover_is_refused_with_the_numbers(
    client: httpx.Client, submit: Submit, budgets: BudgetStore, tenant_id: UUID
) -> None:
    budgets.set(tenant_id, Money(2 * PRICE + 1), Period.TOTAL, (50, 100))
    submit()
    first = submit()
    key = {"Idempotency-Key": "one"}
    for headers in ({}, key, key):
        problem = is_problem(
            client.post("/api/v1/jobs", json=BODY, headers=headers), 402, "budget-exceeded"
        )
        numbers = {name: problem[name] for name in ("limit", "spent", "reserved", "left", "asked")}
        assert numbers == {
            "limit": "0.0120000001",
            "spent": "0",
            "reserved": "0.012",
            "left": "0.0000000001",
            "asked": "0.006",
        }
        assert problem["period"] == "total"
        assert "canceled" in problem["detail"]
    (shown,) = client.get("/api/v1/budget").json()["budgets"]
    assert shown == {
        "period": "total",
        "limit": "0.0120000001",
        "spent": "0",
        "reserved": "0.012",
        "left": "0.0000000001",
        "overshoot": "0",
        "resets_at": None,
        "alerts": [50, 100],
        "alerts_crossed": [50],
    }
    canceled = client.post(f"/api/v1/jobs/{first['id']}/cancel")
    assert canceled.status_code == 200
    # A refused request has left its key free.
    assert client.post("/api/v1/jobs", json=BODY, headers=key).status_code == 202
    is_problem(client.post(f"/api/v1/jobs/{first['id']}/retry"), 402, "budget-exceeded")
    assert budgets.check() == []


def test_a_job_with_an_image_in_it_is_refused_alike(
    client: httpx.Client, budgets: BudgetStore, tenant_id: UUID
) -> None:
    budgets.set(tenant_id, Money(0), Period.TOTAL)
    kept = client.post("/api/v1/inputs", content=picture(), headers={"Content-Type": "image/jpeg"})
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": kept.json()["reference"]}}
    is_problem(client.post("/api/v1/jobs", json=body), 402, "budget-exceeded")


def test_a_day_that_is_used_up_is_waited_for_and_said(
    gateway: Gateway, client: httpx.Client, submit: Submit, budgets: BudgetStore, tenant_id: UUID
) -> None:
    budgets.set(tenant_id, Money(PRICE + 1), Period.DAY)
    budgets.set(tenant_id, Money(10 * PRICE), Period.MONTH)
    job, left = submit(), submit()
    first = worker_hands.claim(gateway, job["id"])
    runs = RunStore(gateway.database)
    # What other tests have left is claimed, and nothing of this tenant.
    while more := runs.claim("segmind", first.account_id, terms=Terms(LEASE), count=5):
        assert isinstance(more, list)
        assert tenant_id not in {one.job.tenant_id for one in more}

    def read() -> dict[str, object]:
        found: dict[str, object] = client.get(f"/api/v1/jobs/{left['id']}").json()
        return found

    wait_until(lambda: read()["waiting_for"] == "budget", "the job says what it waits for")
    note = str(read()["note"])
    assert "of the day budget of 0.0060000001 USD 0 are spent and 0.006 reserved" in note
    (day, _) = client.get("/api/v1/budget").json()["budgets"]
    assert day["resets_at"] in note
    assert day["left"] == "0.0000000001"
    # It cost less than it might, and that is enough for another.
    runs.settle(succeeded(first, cost=Money(1)))
    wait_until(lambda: read()["waiting_for"] != "budget", "it waits for something else")
    assert str(worker_hands.claim(gateway, left["id"]).job.id) == left["id"]


def test_what_is_dearer_than_the_whole_day_is_refused_at_once(
    client: httpx.Client, budgets: BudgetStore, tenant_id: UUID
) -> None:
    budgets.set(tenant_id, Money(PRICE - 1), Period.DAY)
    problem = is_problem(client.post("/api/v1/jobs", json=BODY), 402, "budget-exceeded")
    assert problem["period"] == "day"
    assert client.get("/api/v1/jobs").json()["items"] == []


def test_a_budget_is_its_tenants_own(
    client: httpx.Client, stranger: httpx.Client, budgets: BudgetStore, tenant_id: UUID
) -> None:
    budgets.set(tenant_id, Money(0), Period.TOTAL)
    assert stranger.get("/api/v1/budget").json() == {"budgets": []}
    assert stranger.post("/api/v1/jobs", json=BODY).status_code == 202
    is_problem(stranger.get("/api/v1/budget?of=other"), 422, "invalid-fields")
    is_problem(client.post("/api/v1/jobs", json=BODY), 402, "budget-exceeded")


@pytest.fixture
def two_gateways(database: Database, valkey: str, tmp_path: Path) -> Iterator[list[Gateway]]:
    with ExitStack() as stack:
        found = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            store = {"SEGQ_ARTIFACTS": str(tmp_path / "artifacts")}
            found.append(stack.enter_context(running_gateway(folder, database, valkey, **store)))
        yield found


def test_of_five_hundred_at_once_over_two_gateways_a_hundred_are_admitted(
    two_gateways: list[Gateway], database: Database
) -> None:
    name = f"tenant-{uuid.uuid4()}"
    api_key = two_gateways[0].key(name)
    tenant_id = TenantStore(database).ensure(name)
    store = BudgetStore(database)
    store.set(tenant_id, Money(100 * PRICE), Period.TOTAL, (50, 100))
    with ExitStack() as stack, ThreadPoolExecutor(60) as threads:
        clients = [stack.enter_context(one.client(api_key)) for one in two_gateways]

        def ask(n: int) -> int:
            response = clients[n % 2].post("/api/v1/jobs", json=BODY)
            if response.status_code == 402:
                problem = is_problem(response, 402, "budget-exceeded")
                assert problem["left"] == "0"
            return response.status_code

        came = Counter(threads.map(ask, range(500)))
    assert came == {202: 100, 402: 400}
    with database.read() as connection:
        kept = connection.scalar(
            select(func.count()).select_from(jobs).where(jobs.c.tenant_id == tenant_id)
        )
    assert kept == 100
    (budget,) = store.of_tenant(tenant_id)
    assert (budget.left, budget.overshoot, budget.share.reserved) == (0, 0, 100 * PRICE)
    assert store.check() == []
    told = [
        json.loads(line)["percent"]
        for one in two_gateways
        for line in one.log.read_text().splitlines()
        if '"budget_alert"' in line
    ]
    assert sorted(told) == [50, 100]
