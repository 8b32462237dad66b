"""A queued job's position and estimated start, without a worker that would change them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import update

from db.accounts import AccountStore
from db.budgets import BudgetStore
from db.tables import budget_periods
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.budgets import Period
from jobs.credits import Reading
from jobs.money import Money
from tests.db.conftest import PRICE
from tests.gateway.forecast_world import fresh, queue, read, seconds_until, wait_for
from tests.gateway.gateway_on import gateway_on
from tests.gateway.gateway_process import Gateway
from tests.gateway.worker_hands import claim
from tests.systems.processes import wait_until


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_on(request, tmp_path_factory) as found:
        yield found


def test_the_place_in_the_queue_and_when_it_is_reached(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway)
    ids = queue(gateway, tenant, 20)
    urgent = queue(gateway, tenant, 2, priority=0)
    found = wait_for(client, ids[-1], position=22)
    # After a rest a burst of six leaves at once.
    assert 14 < seconds_until(found["estimated_start"]) < 18
    assert found["note"] is None
    assert wait_for(client, urgent[0], position=1)["state"] == "queued"
    for job in urgent:
        claim(gateway, str(job))
    found = wait_for(client, ids[-1], position=20)
    # What left of the burst may be seen a moment later than the queue.
    assert 12 < seconds_until(found["estimated_start"]) < 18
    listed = client.get("/api/v1/jobs").json()["items"]
    assert {(one["position"], one["estimated_start"]) for one in listed} == {(None, None)}
    assert read(client, urgent[0])["position"] is None


def test_others_take_their_share_by_weight(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway)
    queue(gateway, "heavy", 100, weight=3)
    ids = queue(gateway, tenant, 10)
    # Three of the other's for each of one's own, give or take the first round.
    found = wait_for(client, ids[9])
    assert 36 <= found["position"] <= 40
    queue(gateway, "heavy", 9_000, weight=3)
    wait_for(client, ids[9], position=found["position"])


def test_more_than_is_counted_is_a_least(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway)
    ids = queue(gateway, tenant, 10_050)
    wait_for(client, ids[5_000], position=5_001)
    found = wait_for(client, ids[-1], position=None)
    assert seconds_until(found["estimated_start"]) == pytest.approx(9_995 * 60.25 / 60, abs=62)
    assert found["note"].endswith("it starts then at the earliest.")


def test_nobody_guesses_where_nobody_can_know(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    account = fresh(gateway)
    store = AccountStore(gateway.database)
    (job,) = queue(gateway, tenant, 1)
    wait_for(client, job, position=1, note=None)
    now = datetime.now(UTC)
    store.read_credits(account.id, Reading(Money(PRICE - 1), now, now))
    words = (
        "When it starts is not known: the balance at Segmind does not cover it and what goes "
        "before it."
    )
    wait_for(client, job, position=1, estimated_start=None, note=words)
    later = now + timedelta(seconds=1)
    store.read_credits(account.id, Reading(Money(PRICE - 2), later, later))
    store.pause(account.id, Pause(PauseReason.OPERATOR, None))
    found = wait_for(client, job, waiting_for="paused", estimated_start=None)
    assert "segq account resume" in found["note"]


def test_a_budget_that_is_used_up_is_waited_for(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway)
    (job,) = queue(gateway, tenant, 1)
    owner = TenantStore(gateway.database).ensure(tenant)
    budgets = BudgetStore(gateway.database)
    budgets.set(owner, Money(0), Period.DAY)
    found = wait_for(client, job, waiting_for="budget", position=1, estimated_start=None)
    assert "is never covered" in found["note"]
    budget = budgets.set(owner, Money(PRICE), Period.DAY)
    with gateway.database.write() as connection:
        connection.execute(update(budget_periods).values(spent=PRICE))
    tomorrow = budget.resets_at
    assert tomorrow is not None

    def dated() -> bool:
        start = read(client, job)["estimated_start"]
        return start is not None and datetime.fromisoformat(start) >= tomorrow

    wait_until(dated, "it waits for the next day", timeout=5, every=0.1)


def test_without_a_worker_nobody_can_know(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway, slots=0)
    (job,) = queue(gateway, tenant, 1)
    words = "When it starts is not known: no worker has said that it serves."
    wait_for(client, job, position=1, estimated_start=None, note=words)


def test_few_slots_are_reckoned_with(gateway: Gateway, client: httpx.Client, tenant: str) -> None:
    fresh(gateway, slots=1)
    ids = queue(gateway, tenant, 11)
    found = wait_for(client, ids[-1], position=11)
    assert seconds_until(found["estimated_start"]) == pytest.approx(10 * 5.93, abs=3)


def test_a_pause_with_an_end_is_waited_for(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    account = fresh(gateway)
    ids = queue(gateway, tenant, 10)
    until = datetime.now(UTC) + timedelta(seconds=90)
    AccountStore(gateway.database).pause(account.id, Pause(PauseReason.RATE_LIMIT, until))
    for n, after in ((0, 0), (9, 4)):
        found = wait_for(client, ids[n], position=n + 1, waiting_for="rate_limit")
        starts = datetime.fromisoformat(found["estimated_start"])
        assert timedelta(seconds=after) <= starts - until < timedelta(seconds=after + 2.5)
