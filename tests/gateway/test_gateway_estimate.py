"""`POST /api/v1/estimate`: prices, dates, a submit's own errors, and nothing kept."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api_gateway import money_documents
from db.accounts import AccountStore
from db.budgets import BudgetStore
from db.tables import inputs, jobs
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.budgets import Period
from jobs.credits import Reading
from jobs.money import Money, parse
from tests.gateway.conftest import SMALL_INPUT, is_problem
from tests.gateway.forecast_world import fresh, queue, read, seconds_until
from tests.gateway.gateway_on import gateway_on
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture
from tests.systems.processes import wait_until

JOB: dict[str, Any] = {"model": "ssd-canny", "input": SMALL_INPUT}
QUICK: dict[str, Any] = {"model": "ssd-1b", "input": {"prompt": "a boat"}, "priority": "high"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_on(request, tmp_path_factory) as found:
        yield found


def estimate(client: httpx.Client, body: Any) -> dict[str, Any]:
    response = client.post("/api/v1/estimate", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    money_documents.Estimate.model_validate(found)
    return found


def wait_for(client: httpx.Client, body: Any, **wanted: Any) -> dict[str, Any]:
    """The estimate that says so; what is looked at may be a second old."""
    seen: dict[str, Any] = {}

    def met() -> bool:
        seen.update(estimate(client, body))
        return all(seen[name] == value for name, value in wanted.items())

    wait_until(met, f"an estimate with {wanted}", timeout=5, every=0.1)
    return seen


def test_one_job_a_list_and_many_of_one(gateway: Gateway, client: httpx.Client) -> None:
    fresh(gateway)
    one = wait_for(client, JOB, calls_per_minute=59.8)
    assert (one["jobs"], one["price"], one["prices"]) == (1, "0.006", ["0.006"])
    assert seconds_until(one["estimated_start"]) < 2
    assert 5 < seconds_until(one["estimated_end"]) < 8
    assert one["balance"] == {"left": None, "suffices": None}
    assert one["note"] is None
    some = estimate(client, {"jobs": [JOB, {**JOB, "input": {**SMALL_INPUT, "samples": 3}}, QUICK]})
    assert (some["jobs"], some["price"]) == (3, "0.028")
    assert some["prices"] == ["0.006", "0.018", "0.004"]
    many = estimate(client, {"job": JOB, "count": 606})
    assert (many["jobs"], many["price"], many["prices"]) == (606, "3.636", ["0.006"])
    assert seconds_until(many["estimated_start"]) < 2
    assert seconds_until(many["estimated_end"]) == pytest.approx(600 * 60.25 / 60 + 6, abs=17)


def test_it_stands_behind_what_is_queued_and_says_what_the_submit_then_says(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway)
    queue(gateway, tenant, 30)
    queue(gateway, "other", 5)

    def behind() -> bool:
        return seconds_until(estimate(client, JOB)["estimated_start"]) > 27

    wait_until(behind, "the queue is seen", timeout=5, every=0.1)
    promised = estimate(client, JOB)["estimated_start"]
    assert seconds_until(estimate(client, QUICK)["estimated_start"]) < 2
    job = client.post("/api/v1/jobs", json=JOB).json()["id"]
    wait_until(lambda: read(client, job)["position"] == 36, "its place", timeout=5, every=0.1)
    told = datetime.fromisoformat(read(client, job)["estimated_start"])
    # Without a worker the whole queue waits on: what passed meanwhile was added.
    assert abs((told - datetime.fromisoformat(promised)).total_seconds()) < 4


def test_the_balance_is_held_against_it_and_what_goes_before(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    account = fresh(gateway)
    now = datetime.now(UTC)
    AccountStore(gateway.database).read_credits(account.id, Reading(parse("0.6"), now, now))
    queue(gateway, tenant, 90)
    enough = {"left": "0.6", "suffices": True}
    wait_for(client, {"job": JOB, "count": 10}, balance=enough, note=None)
    found = wait_for(client, {"job": JOB, "count": 11}, balance={**enough, "suffices": False})
    assert found["estimated_start"] is not None
    assert found["estimated_end"] is None
    assert "balance" in found["note"]


def test_each_budget_is_held_against_it(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    fresh(gateway)
    assert estimate(client, JOB)["budgets"] == []
    mine = TenantStore(gateway.database).ensure(tenant)
    BudgetStore(gateway.database).set(mine, parse("0.06"), Period.TOTAL)
    BudgetStore(gateway.database).set(mine, parse("0.03"), Period.DAY)
    wait_for(
        client,
        {"job": JOB, "count": 5},
        budgets=[
            {"period": "total", "left": "0.06", "suffices": True},
            {"period": "day", "left": "0.03", "suffices": True},
        ],
        note=None,
    )
    some = estimate(client, {"job": JOB, "count": 6})
    assert [one["suffices"] for one in some["budgets"]] == [True, False]
    assert some["estimated_end"] is None
    assert "the rest waits for the next" in some["note"]
    none = estimate(client, {"job": JOB, "count": 11})
    assert [one["suffices"] for one in none["budgets"]] == [False, False]
    assert "A submit is refused: of the total budget of 0.06 USD" in none["note"]
    client.post("/api/v1/jobs", json=JOB).raise_for_status()
    behind = {"period": "day", "left": "0.03", "suffices": False}
    left = {"period": "total", "left": "0.054", "suffices": True}
    wait_for(client, {"job": JOB, "count": 5}, budgets=[left, behind])
    BudgetStore(gateway.database).set(mine, parse("0.02"), Period.DAY)
    dear = {**JOB, "input": {**SMALL_INPUT, "samples": 4}}
    told = estimate(client, {"jobs": [dear]})["note"]
    assert "more than the whole day budget of 0.02 USD is refused" in told
    assert client.post("/api/v1/jobs", json=dear).status_code == 402


def test_a_pause_without_an_end_is_told_and_not_guessed(
    gateway: Gateway, client: httpx.Client
) -> None:
    account = fresh(gateway)
    AccountStore(gateway.database).pause(account.id, Pause(PauseReason.OPERATOR, None))
    found = wait_for(client, JOB, calls_per_minute=0.0)
    assert (found["estimated_start"], found["estimated_end"]) == (None, None)
    assert "segq account resume" in found["note"]
    assert found["price"] == "0.006"


def test_a_job_that_is_scheduled_starts_no_earlier(gateway: Gateway, client: httpx.Client) -> None:
    fresh(gateway)
    found = wait_for(client, {**JOB, "run_at": "2099-01-01T00:00:00Z"}, calls_per_minute=59.8)
    assert found["estimated_start"] == "2099-01-01T00:00:00Z"
    assert found["estimated_end"] == "2099-01-01T00:01:00Z"


WRONG = [
    {"model": "ssd-canny", "input": {"prompt": "a boat", "samples": 9}, "priority": "urgent"},
    {"model": "nothing", "input": {}},
    {"model": "ssd-canny", "input": {"image": "segq:" + "0" * 64, "prompt": "x"}},
    {"model": "ssd-canny", "input": {"image": "data:image/png;base64,AAAA", "prompt": "x"}},
    [],
    {},
]


@pytest.mark.parametrize("job", WRONG)
def test_what_a_submit_refuses_is_refused_alike(client: httpx.Client, job: Any) -> None:
    submitted = is_problem(client.post("/api/v1/jobs", json=job), 422, "invalid-fields")["errors"]
    for place, body in (("job", {"job": job, "count": 7}), ("jobs[1]", {"jobs": [JOB, job]})):
        told = is_problem(client.post("/api/v1/estimate", json=body), 422, "invalid-fields")
        assert told["errors"] == [
            {**one, "field": f"{place}.{one['field']}".replace(".body", "")} for one in submitted
        ]
    alone = client.post("/api/v1/estimate", json=job)
    assert is_problem(alone, 422, "invalid-fields")["errors"] == submitted


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"jobs": []}, "jobs"),
        ({"jobs": [JOB] * 1_001}, "jobs"),
        ({"jobs": JOB}, "jobs"),
        ({"jobs": [JOB], "count": 2}, "count"),
        ({"job": JOB, "count": 0}, "count"),
        ({"job": JOB, "count": True}, "count"),
        ({"job": JOB, "count": 10**8}, "count"),
        ({"job": JOB, "model": "ssd-1b"}, "model"),
    ],
)
def test_what_stands_around_the_jobs_is_checked_too(
    client: httpx.Client, body: Any, field: str
) -> None:
    problem = is_problem(client.post("/api/v1/estimate", json=body), 422, "invalid-fields")
    assert [one["field"] for one in problem["errors"]] == [field]


def test_nothing_is_kept(gateway: Gateway, client: httpx.Client, tenant: str) -> None:
    fresh(gateway)
    files = gateway.kept_files()
    image = "data:image/jpeg;base64," + base64.b64encode(picture()).decode()
    job = {**JOB, "input": {**SMALL_INPUT, "image": image}, "tags": ["a"]}
    assert estimate(client, {"jobs": [job] * 3})["jobs"] == 3
    with gateway.database.read() as connection:
        kept = [connection.scalar(select(func.count()).select_from(one)) for one in (jobs, inputs)]
    assert kept == [0, 0]
    assert gateway.kept_files() == files


def test_it_needs_a_key_and_a_type(gateway: Gateway, client: httpx.Client) -> None:
    is_problem(httpx.post(f"{gateway.url}/api/v1/estimate", json=JOB), 401, "unauthorized")
    wrong = client.post("/api/v1/estimate", content=b"{}", headers={"Content-Type": "text/plain"})
    is_problem(wrong, 415, "wrong-content-type")


def test_the_longest_list_is_estimated(gateway: Gateway, client: httpx.Client) -> None:
    fresh(gateway)
    jobs_of_many_groups = [{**JOB, "group": f"g{n % 100}"} for n in range(1_000)]
    found = wait_for(client, {"jobs": jobs_of_many_groups}, calls_per_minute=59.8)
    assert (found["jobs"], found["price"]) == (1_000, "6")
    assert seconds_until(found["estimated_end"]) == pytest.approx(994 * 60.25 / 60 + 6, abs=17)
    assert Money(sum(parse(one) for one in found["prices"])) == parse("6")


def test_a_list_may_say_how_often(gateway: Gateway, client: httpx.Client) -> None:
    found = estimate(client, {"jobs": [{"job": JOB, "count": 1_000}, QUICK]})
    one = estimate(client, {"jobs": [JOB, QUICK]})
    assert (found["jobs"], found["prices"]) == (1_001, one["prices"])
    assert parse(found["price"]) == 1_000 * parse(one["prices"][0]) + parse(one["prices"][1])
    half = {"job": JOB, "count": 5_000_001}
    wrong = [{"job": {**QUICK, "input": {}}, "count": 0}, {"job": JOB, "often": 1}]
    for jobs_, fields in (
        (wrong, ["jobs[0].count", "jobs[0].job.input.prompt", "jobs[1].often"]),
        ([half, half], ["jobs"]),
    ):
        response = client.post("/api/v1/estimate", json={"jobs": jobs_})
        problem = is_problem(response, 422, "invalid-fields")
        assert [one["field"] for one in problem["errors"]] == fields
