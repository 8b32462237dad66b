import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import redis

from db.accounts import AccountStore
from jobs.account_pauses import Pause, PauseReason
from jobs.wire import waiting_key
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture
from tests.gateway.waiting_reads import start_waiting


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as found:
        yield found


def test_a_hint_ends_a_wait(
    gateway: Gateway, client: httpx.Client, submit: Submit, beside: ThreadPoolExecutor
) -> None:
    job = submit()
    claimed = worker_hands.claim(gateway, job["id"])
    answer = start_waiting(beside, gateway, client, job["id"], 60)
    worker_hands.succeed(gateway, claimed, picture())
    worker_hands.hint(gateway, job["id"])
    found = answer.result(1.5).json()  # sooner than the row is looked at without a hint
    assert found["state"] == "succeeded"
    assert found["cost"] == "0.0059"
    assert found["attempts"] == 1
    assert found["seed"] == claimed.seed
    assert datetime.fromisoformat(found["finished_at"]) >= datetime.fromisoformat(
        found["started_at"]
    )
    assert found["links"]["outputs"] == [found["outputs"][0]["url"]]


def test_many_waits_for_many_jobs_share_one_connection(
    gateway: Gateway, client: httpx.Client, submit: Submit, beside: ThreadPoolExecutor
) -> None:
    jobs = [submit()["id"] for _ in range(3)]
    claims = [worker_hands.claim(gateway, job) for job in jobs]
    answers = [start_waiting(beside, gateway, client, job, 60) for job in jobs for _ in range(2)]
    with redis.Redis.from_url(gateway.redis) as line:
        assert len([one for one in line.client_list() if one["sub"] != "0"]) == 1
    for claimed in claims:
        worker_hands.succeed(gateway, claimed, picture())
        worker_hands.hint(gateway, str(claimed.job.id))
    assert {answer.result(1.5).json()["state"] for answer in answers} == {"succeeded"}


def test_a_change_without_a_hint_is_found(
    gateway: Gateway, client: httpx.Client, submit: Submit, beside: ThreadPoolExecutor
) -> None:
    job = submit()
    claimed = worker_hands.claim(gateway, job["id"])
    answer = start_waiting(beside, gateway, client, job["id"], 60)
    worker_hands.succeed(gateway, claimed, picture())
    assert answer.result(30).json()["state"] == "succeeded"


def test_a_doubt_ends_a_wait(
    gateway: Gateway, client: httpx.Client, submit: Submit, beside: ThreadPoolExecutor
) -> None:
    job = submit()
    claimed = worker_hands.claim(gateway, job["id"])
    answer = start_waiting(beside, gateway, client, job["id"], 60)
    worker_hands.doubt(gateway, claimed)
    worker_hands.hint(gateway, job["id"])
    found = answer.result(30).json()
    assert found["state"] == "in_doubt"
    assert found["error"]["kind"] == "connection_lost"
    assert found["error"]["message"] == "the connection broke"


def test_a_wait_ends_with_the_state_as_it_is(client: httpx.Client, submit: Submit) -> None:
    job = submit(run_at="2099-01-01T00:00:00Z")
    started = time.monotonic()
    response = client.get(f"/api/v1/jobs/{job['id']}", params={"wait": 1})
    assert response.json() == job
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("wait", ["0", "61", "-1", "1.5", "x", "", "²"])
def test_a_wrong_wait_is_named(client: httpx.Client, submit: Submit, wait: str) -> None:
    response = client.get(f"/api/v1/jobs/{submit()['id']}", params={"wait": wait})
    problem = is_problem(response, 422, "invalid-fields")
    assert problem["errors"][0]["field"] == "wait"
    assert problem["errors"][0]["message"].endswith("from 1 to 60")


NOBODYS = "01a204f2-6543-72a2-b916-a7323d671636"


@pytest.mark.parametrize(
    "name", ["x", "17", "a%00b", NOBODYS, f"{{{NOBODYS}}}", NOBODYS.replace("-", "")]
)
def test_a_job_that_is_not_there_is_not_found(client: httpx.Client, name: str) -> None:
    for response in (
        client.get(f"/api/v1/jobs/{name}"),
        client.get(f"/api/v1/jobs/{name}?wait=60"),
        client.post(f"/api/v1/jobs/{name}/cancel"),
        client.get(f"/api/v1/jobs/{name}/outputs/0"),
    ):
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (PauseReason.RATE_LIMIT, "rate_limit"),
        (PauseReason.CREDITS, "credits"),
        (PauseReason.SPEND_LIMIT, "credits"),
        (PauseReason.KEY_REFUSED, "paused"),
        (PauseReason.FORBIDDEN, "paused"),
    ],
)
def test_a_queued_job_tells_that_its_account_pauses(
    gateway: Gateway, client: httpx.Client, submit: Submit, reason: PauseReason, told: str
) -> None:
    account = worker_hands.account_of(gateway)
    accounts = AccountStore(gateway.database)
    until = datetime.now(UTC) + timedelta(seconds=2) if reason is PauseReason.RATE_LIMIT else None
    accounts.pause(account.id, Pause(reason, until))
    try:
        await_waiting_for(client, submit()["id"], told)
    finally:
        accounts.resume(account.id, reason)
        # Nothing but its time ends a rate limit, and other tests share this account.
        while accounts.get(account.id).pause(datetime.now(UTC)):
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("value", "told"), [("rate_limit", "rate_limit"), ("credits", "credits"), ("junk", "slot")]
)
def test_a_queued_job_tells_what_the_workers_wait_for(
    gateway: Gateway, client: httpx.Client, submit: Submit, value: str, told: str
) -> None:
    key = waiting_key(worker_hands.account_of(gateway).id)
    with redis.Redis.from_url(gateway.redis) as line:
        line.set(key, value)
        try:
            await_waiting_for(client, submit()["id"], told)
        finally:
            line.delete(key)


def await_waiting_for(client: httpx.Client, job_id: str, told: str) -> None:
    """What a pool waits for is remembered for a moment, so an older answer may come first."""
    deadline = time.monotonic() + 5
    while (found := client.get(f"/api/v1/jobs/{job_id}").json()["waiting_for"]) != told:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
