import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from api_gateway import documents
from api_gateway.pause_words import note
from api_gateway.waiting import REMEMBERED_SECONDS
from db.accounts import AccountStore
from db.requests import Accepted, RequestStore
from db.tables import accounts, model_pauses
from jobs.account_pauses import WORDS, Pause, PauseReason
from jobs.catalog import Transport
from jobs.credits import Reading
from jobs.money import parse
from jobs.wire import DEFAULT_POOL
from tests.gateway import worker_hands
from tests.gateway.conftest import Submit
from tests.gateway.forecast_world import wait_for, workers_serve
from tests.gateway.gateway_on import gateway_on
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

LATER = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with gateway_on(request, tmp_path_factory) as found:
        yield found


@contextmanager
def paused(gateway: Gateway, pause: Pause, name: str = "default") -> Iterator[None]:
    """The account pauses; another test's jobs are to find it as it was."""
    store = AccountStore(gateway.database)
    account = store.ensure(DEFAULT_POOL, name, call_limit=60, window_seconds=60)
    store.pause(account.id, pause)
    try:
        yield
    finally:
        if pause.model is not None:
            store.resume_model(account.id, pause.model)
        else:
            store.resume(account.id, pause.reason)
        while store.get(account.id).pause(datetime.now(UTC)):
            time.sleep(0.02)


def the_account(client: httpx.Client, name: str = "default") -> dict[str, Any]:
    response = client.get("/api/v1/account")
    assert response.headers["cache-control"] == "no-store"
    documents.Account.model_validate(response.json())
    return next(one for one in response.json()["accounts"] if one["name"] == name)


def test_an_account_that_works(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client, submit: Submit
) -> None:
    account = worker_hands.account_of(gateway)
    found = the_account(client)
    assert found["pause"] is None
    assert found["paused_models"] == []
    assert (found["pool"], found["calls_per_minute"]) == (DEFAULT_POOL, 60)
    before = (found["open_calls"], found["committed"])
    arrived = datetime.now(UTC)
    AccountStore(gateway.database).read_credits(
        account.id, Reading(parse("9.25"), arrived - timedelta(seconds=1), arrived)
    )
    job = submit()["id"]
    claimed = worker_hands.claim(gateway, job)
    found = the_account(client)
    assert found["credits"] == "9.25"
    assert datetime.fromisoformat(found["credits_read_at"]) == arrived
    assert found["open_calls"] == before[0] + 1
    assert parse(found["committed"]) == parse(before[1]) + parse("0.006")
    # The operator's account serves all tenants, so each may see it.
    assert the_account(stranger) == found
    worker_hands.succeed(gateway, claimed, picture())
    found = the_account(client)
    assert (found["open_calls"], found["committed"]) == before


def test_doubts_are_counted_for_their_account(
    gateway: Gateway, client: httpx.Client, submit: Submit, second: str
) -> None:
    worker_hands.account_of(gateway)  # whoever comes first in a process finds none
    before = the_account(client)["doubts"]
    jobs = [submit()["id"] for _ in range(3)]
    for job in jobs:
        worker_hands.doubted(gateway, job)
    for job, verdict in zip(jobs, ("retry", "failed"), strict=False):
        said = {"as": verdict, "note": "as a test wants it"}
        assert client.post(f"/api/v1/jobs/{job}/resolve", json=said).status_code == 200
    more = {
        name: count - before[name]
        for name, count in the_account(client)["doubts"].items()
        if count != before[name]
    }
    assert more == {"open": 1, "operator_retry": 1, "operator_failed": 1, "sent_again": 1}
    assert set(the_account(client, second)["doubts"].values()) == {0}
    client.post(f"/api/v1/jobs/{jobs[0]}/cancel")


def test_results_that_expire_soon_are_counted(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    requests = RequestStore(gateway.database)
    worker_hands.account_of(gateway)  # whoever comes first in a process finds none
    assert the_account(client)["expiring_soon"] == 0
    now = datetime.now(UTC)
    claims = [worker_hands.claim(gateway, submit()["id"]) for _ in range(2)]
    for claimed, age in zip(claims, (timedelta(minutes=51), timedelta(minutes=49)), strict=True):
        request = f"v2-{claimed.attempt_id}"
        requests.accepted([Accepted(claimed.attempt_id, claimed.job.id, request, now - age, 60.0)])
    assert the_account(client)["expiring_soon"] == 1
    for claimed in claims:
        worker_hands.succeed(gateway, claimed, picture())
    assert the_account(client)["expiring_soon"] == 0


def test_how_the_models_of_an_account_are_called(gateway: Gateway, client: httpx.Client) -> None:
    store, account = AccountStore(gateway.database), worker_hands.account_of(gateway)
    assert the_account(client)["transport"] is None
    store.set_transport(account.id, Transport.V2)
    assert the_account(client)["transport"] == "v2"
    store.set_transport(account.id, None)
    assert the_account(client)["transport"] is None


def test_own_jobs_are_counted_by_state(client: httpx.Client, submit: Submit) -> None:
    submit()
    for _ in range(2):
        submit(run_at=LATER)
    answer = client.get("/api/v1/account").json()
    assert {state: count for state, count in answer["jobs"].items() if count} == {
        "queued": 1,
        "scheduled": 2,
    }
    assert answer["jobs_capped"] == []


@pytest.mark.parametrize(
    "reason",
    [PauseReason.CREDITS, PauseReason.SPEND_LIMIT, PauseReason.KEY_REFUSED, PauseReason.OPERATOR],
)
def test_a_pause_is_seen_at_once(
    gateway: Gateway, client: httpx.Client, reason: PauseReason
) -> None:
    begun = datetime.now(UTC)
    with paused(gateway, Pause(reason, None, said="Segmind's own words")):
        found = the_account(client)["pause"]
        since = datetime.fromisoformat(found.pop("since"))
        assert abs(since - begun) < timedelta(seconds=60)
        assert found == {
            "reason": reason,
            "until": None,
            "said": "Segmind's own words",
            "what_to_do": WORDS[reason],
        }
    assert the_account(client)["pause"] is None


def test_a_rate_limit_says_until_when(gateway: Gateway, client: httpx.Client) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    with paused(gateway, Pause(PauseReason.RATE_LIMIT, until, said="slow down")):
        found = the_account(client)["pause"]
        assert (found["reason"], found["since"]) == ("rate_limit", None)
        assert abs(datetime.fromisoformat(found["until"]) - until) < timedelta(milliseconds=1)


def test_a_model_that_pauses_is_listed_with_the_command_that_ends_it(
    gateway: Gateway, client: httpx.Client
) -> None:
    pause = Pause(PauseReason.FORBIDDEN, None, "ssd-1b", "x" * 1_000)
    with paused(gateway, pause):
        found = the_account(client)
        assert found["pause"] is None
        (model,) = found["paused_models"]
        assert (model["model"], model["reason"]) == ("ssd-1b", "forbidden")
        assert "`segq account resume ssd-1b`" in model["what_to_do"]
        assert len(model["said"]) == 300
        assert datetime.fromisoformat(model["since"]) <= datetime.now(UTC)
    assert the_account(client)["paused_models"] == []


def await_waiting(client: httpx.Client, job_id: str, told: str) -> dict[str, Any]:
    """What is known of a pool is remembered for a moment, so an older answer may come first."""
    ends_at = time.monotonic() + 10
    while (found := client.get(f"/api/v1/jobs/{job_id}").json())["waiting_for"] != told:
        assert time.monotonic() < ends_at, found
        time.sleep(0.02)
    answer: dict[str, Any] = found
    return answer


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (PauseReason.CREDITS, "credits"),
        (PauseReason.SPEND_LIMIT, "credits"),
        (PauseReason.KEY_REFUSED, "paused"),
        (PauseReason.OPERATOR, "paused"),
    ],
)
def test_a_waiting_job_says_what_segmind_said(
    gateway: Gateway, client: httpx.Client, submit: Submit, reason: PauseReason, told: str
) -> None:
    job = submit()["id"]
    with paused(gateway, Pause(reason, None, said="No. " + "x" * 1_000)):
        words = await_waiting(client, job, told)["note"]
        assert words.startswith(WORDS[reason])
        assert "No. xxx" in words
        assert len(words) < 600
    workers_serve(gateway)
    wait_for(client, job, waiting_for="slot", note=None)


def test_a_model_that_pauses_holds_up_its_own_jobs_alone(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    canny = submit()["id"]
    text = {"model": "ssd-1b", "input": {"prompt": "a boat"}}
    other = client.post("/api/v1/jobs", json=text).json()["id"]
    with paused(gateway, Pause(PauseReason.FORBIDDEN, None, "ssd-canny", "Not for you")):
        words = await_waiting(client, canny, "paused")["note"]
        assert words == note(PauseReason.FORBIDDEN, "Not for you", "ssd-canny")
        assert "segq account resume ssd-canny" in words
        workers_serve(gateway)
        wait_for(client, other, waiting_for="slot", note=None)
        listed = {job["id"]: job for job in client.get("/api/v1/jobs").json()["items"]}
        assert (listed[canny]["waiting_for"], listed[other]["waiting_for"]) == ("paused", "slot")
        # The whole account besides: the model's own pause is the one that stays.
        with paused(gateway, Pause(PauseReason.CREDITS, None, said="empty")):
            await_waiting(client, other, "credits")
            assert await_waiting(client, canny, "paused")["note"] == words
    await_waiting(client, canny, "slot")


@pytest.fixture
def second(gateway: Gateway) -> Iterator[str]:
    """The name of one more account of the pool."""
    store = AccountStore(gateway.database)
    found = store.ensure(DEFAULT_POOL, "second", call_limit=60, window_seconds=60)
    yield found.name
    with gateway.database.write() as connection:
        connection.execute(delete(model_pauses).where(model_pauses.c.account_id == found.id))
        connection.execute(delete(accounts).where(accounts.c.id == found.id))


def test_a_second_account_that_may_call_the_model_lets_its_jobs_run(
    gateway: Gateway, client: httpx.Client, submit: Submit, second: str
) -> None:
    worker_hands.account_of(gateway)
    job = submit()["id"]
    with paused(gateway, Pause(PauseReason.FORBIDDEN, None, "ssd-canny", "Not for you")):
        time.sleep(REMEMBERED_SECONDS)
        assert client.get(f"/api/v1/jobs/{job}").json()["waiting_for"] == "slot"
        with paused(gateway, Pause(PauseReason.CREDITS, None, said="empty"), second):
            assert "Not for you" in await_waiting(client, job, "paused")["note"]
        await_waiting(client, job, "slot")
        with paused(gateway, Pause(PauseReason.FORBIDDEN, None, "ssd-canny", "Nor you"), second):
            await_waiting(client, job, "paused")
