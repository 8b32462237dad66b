"""Pauses by hand over HTTP: who may begin and end which, and what a job that waits says."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from db.account_values import Change
from db.accounts import AccountStore
from db.api_keys import KeyStore
from db.hand_pauses import OPERATOR, HandPauses
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.scopes import Scope
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, Submit, is_problem
from tests.gateway.gateway_process import Gateway

PAUSES, RESUME = "/api/v1/pauses", "/api/v1/pauses/resume"


@pytest.fixture
def admin(gateway: Gateway, tenant: str) -> Iterator[httpx.Client]:
    """Speaks for the same tenant as `client`, and may do everything."""
    owner = TenantStore(gateway.database).ensure(tenant)
    key, _ = KeyStore(gateway.database).create(owner, frozenset(Scope), "the admin")
    with gateway.client(key) as found:
        yield found


def _waits(client: httpx.Client, job_id: str, told: tuple[str, str | None]) -> None:
    """Until a list says so of the job: reasons are believed for a quarter of a second.

    Read by itself, it would also say in its note when it starts, or why nobody can know.
    """
    ends_at = time.monotonic() + 10
    while True:
        listed = client.get("/api/v1/jobs").json()["items"]
        (job,) = (one for one in listed if one["id"] == job_id)
        if (job["waiting_for"], job["note"]) == told:
            return
        assert time.monotonic() < ends_at, job
        time.sleep(0.05)


def test_a_group_pauses_and_goes_on(client: httpx.Client, tenant: str, submit: Submit) -> None:
    job, other = submit(group="shop")["id"], submit()["id"]
    body = {"group": "shop", "reason": "the shop is closed"}
    (pause,) = client.post(PAUSES, json=body).json()["pauses"]
    assert (pause["kind"], pause["tenant"], pause["group"]) == ("group", tenant, "shop")
    assert (pause["reason"], pause["by"], pause["note"]) == ("operator", "a test", body["reason"])
    assert pause["since"]
    _waits(client, job, ("paused", "group shop is paused by a test: the shop is closed"))
    assert client.get(f"/api/v1/jobs/{other}").json()["waiting_for"] == "slot"
    assert pause in client.get(PAUSES).json()["pauses"]
    assert client.post(PAUSES, json={"group": "shop", "reason": "x"}).json()["pauses"] == [pause]
    told = client.get("/api/v1/tenant").json()
    assert told["groups"][0]["pause"]["note"] == body["reason"]
    assert client.post(RESUME, json={"group": "shop"}).json() == {"resumed": True}
    assert client.post(RESUME, json={"group": "shop"}).json() == {"resumed": False}
    _waits(client, job, ("slot", None))


def test_the_same_pause_again_under_a_key_is_the_first_answer(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "once"}
    body = {"group": "a", "reason": "one"}
    first = client.post(PAUSES, json=body, headers=key)
    client.post(RESUME, json={"group": "a"})
    again = client.post(PAUSES, json=body, headers=key)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"


def test_an_operators_pause_is_not_its_tenants_to_end(
    gateway: Gateway, client: httpx.Client, admin: httpx.Client, tenant: str
) -> None:
    owner = TenantStore(gateway.database).ensure(tenant)
    HandPauses(gateway.database).pause(owner, None, OPERATOR, "not paid")
    problem = is_problem(client.post(RESUME, json={"tenant": tenant}), 403, "insufficient-scope")
    assert problem["scope"] == "admin"
    assert client.get("/api/v1/tenant").json()["pause"]["by_admin"] is True
    assert admin.post(RESUME, json={"tenant": tenant}).json() == {"resumed": True}


def test_what_is_anothers_needs_admin(
    gateway: Gateway, client: httpx.Client, admin: httpx.Client, stranger: httpx.Client
) -> None:
    worker_hands.account_of(gateway)
    theirs = stranger.get("/api/v1/tenant").json()["name"]
    for body in ({"tenant": theirs}, {"tenant": theirs, "group": "x"}, {"account": "default"}):
        for address in (PAUSES, RESUME):
            problem = is_problem(client.post(address, json=body), 403, "insufficient-scope")
            assert problem["scope"] == "admin"
    assert admin.post(PAUSES, json={"tenant": theirs}).status_code == 200
    assert [one["tenant"] for one in stranger.get(PAUSES).json()["pauses"]] == [theirs]
    assert theirs not in {one["tenant"] for one in client.get(PAUSES).json()["pauses"]}
    assert theirs in {one["tenant"] for one in admin.get(PAUSES).json()["pauses"]}
    assert admin.post(RESUME, json={"tenant": theirs}).json() == {"resumed": True}
    is_problem(admin.post(PAUSES, json={"tenant": "nobody"}), 404, "not-found")
    is_problem(admin.post(PAUSES, json={"account": "nobody"}), 404, "not-found")


def test_a_model_is_paused_for_all(gateway: Gateway, admin: httpx.Client, submit: Submit) -> None:
    account = worker_hands.account_of(gateway)
    job = submit({"prompt": "a boat"}, model="ssd-1b")["id"]
    try:
        body = {"model": "ssd-1b", "reason": "it draws badly"}
        (pause,) = admin.post(PAUSES, json=body).json()["pauses"]
        assert (pause["kind"], pause["account"], pause["by"]) == ("model", "default", "the admin")
        assert admin.get(f"/api/v1/jobs/{job}").json()["state"] == "queued"
        assert AccountStore(gateway.database).model_pauses(account.id)[0].model == "ssd-1b"
    finally:
        assert admin.post(RESUME, json={"model": "ssd-1b"}).json() == {"resumed": True}


def test_an_account_is_paused_and_resumed(gateway: Gateway, admin: httpx.Client) -> None:
    account = worker_hands.account_of(gateway)
    store = AccountStore(gateway.database)
    try:
        (pause,) = admin.post(PAUSES, json={"account": "default", "reason": "x"}).json()["pauses"]
        assert (pause["kind"], pause["reason"], pause["note"]) == ("account", "operator", "x")
        assert pause["by"] == "the admin"
        found = store.get(account.id)
        assert found.paused_for is PauseReason.OPERATOR
        assert found.changed == Change("pause", "the admin", "x")
        # What pauses already stays as it is, and so does who is told of it.
        store.pause(account.id, Pause(PauseReason.OPERATOR, None), Change("pause", "another"))
        assert _pause_of_the_account(admin)["by"] == "the admin"
        store.set_transport(account.id, None, Change("transport", "another"))
        assert _pause_of_the_account(admin)["by"] == "operator"
    finally:
        assert admin.post(RESUME, json={"account": "default"}).json() == {"resumed": True}
    found = store.get(account.id)
    assert found.paused_for is None
    assert found.changed == Change("resume", "the admin")


def _pause_of_the_account(client: httpx.Client) -> dict[str, Any]:
    pauses = client.get(PAUSES).json()["pauses"]
    (found,) = (one for one in pauses if one["kind"] == "account")
    return dict(found)


def test_a_kept_answer_is_for_who_may_ask_alone(
    gateway: Gateway, client: httpx.Client, admin: httpx.Client
) -> None:
    worker_hands.account_of(gateway)
    key = {"Idempotency-Key": "an admin's"}
    body = {"account": "default"}
    try:
        assert admin.post(PAUSES, json=body, headers=key).status_code == 200
        # Of the same tenant, so the answer is kept under its name.
        is_problem(client.post(PAUSES, json=body, headers=key), 403, "insufficient-scope")
    finally:
        admin.post(RESUME, json=body)


def test_only_a_model_that_there_is_can_be_paused(gateway: Gateway, admin: httpx.Client) -> None:
    account = worker_hands.account_of(gateway)
    problem = is_problem(admin.post(PAUSES, json={"model": "ssd-cany"}), 422, "invalid-fields")
    (error,) = problem["errors"]
    assert error["field"] == "model"
    assert "ssd-canny" in error["message"]
    store = AccountStore(gateway.database)
    assert store.model_pauses(account.id) == []
    # One that is no more may still be let go on.
    store.pause(account.id, Pause(PauseReason.OPERATOR, None, "ssd-cany"))
    assert admin.post(RESUME, json={"model": "ssd-cany"}).json() == {"resumed": True}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"tenant": "a", "model": "b"}, "body"),
        ({"group": 1}, "group"),
        ({"model": {}}, "model"),
        ({"tenant": "x" * 101}, "tenant"),
        ({"group": "a", "why": "x"}, "why"),
        ({"group": "a", "reason": "x" * 501}, "reason"),
        ([], "body"),
    ],
)
def test_what_is_wrong_is_named(client: httpx.Client, body: Any, field: str) -> None:
    problem = is_problem(client.post(PAUSES, json=body), 422, "invalid-fields")
    assert field in [error["field"] for error in problem["errors"]]


def test_five_hundred_submits_at_once_fill_a_queue_of_a_hundred(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    TenantStore(gateway.database).set_limits(tenant, {"max_queued": 100})
    body = {"model": "ssd-canny", "input": SMALL_INPUT}

    def submit(_: int) -> httpx.Response:
        return client.post("/api/v1/jobs", json=body)

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(submit, range(500)))
    assert sum(answer.status_code == 202 for answer in answers) == 100
    refused = [answer for answer in answers if answer.status_code != 202]
    for answer in refused:
        problem = is_problem(answer, 429, "too-many-queued")
        assert (problem["queued"], problem["max_queued"]) == (100, 100)
        assert answer.headers["retry-after"] == "1"
    told = client.get("/api/v1/tenant").json()
    assert (told["max_queued"], told["queued"], told["running"]) == (100, 100, 0)


def test_a_refused_submit_leaves_its_key_free(
    gateway: Gateway, client: httpx.Client, tenant: str, submit: Submit
) -> None:
    TenantStore(gateway.database).set_limits(tenant, {"max_queued": 1})
    first = submit()["id"]
    body = {"model": "ssd-canny", "input": SMALL_INPUT}
    key = {"Idempotency-Key": "later"}
    is_problem(client.post("/api/v1/jobs", json=body, headers=key), 429, "too-many-queued")
    client.post(f"/api/v1/jobs/{first}/cancel")
    assert client.post("/api/v1/jobs", json=body, headers=key).status_code == 202
    is_problem(client.post(f"/api/v1/jobs/{first}/retry"), 429, "too-many-queued")


def test_a_job_at_a_cap_says_so(
    gateway: Gateway, client: httpx.Client, tenant: str, submit: Submit
) -> None:
    first, second = submit()["id"], submit()["id"]
    TenantStore(gateway.database).set_limits(tenant, {"max_running": 1})
    worker_hands.claim(gateway, first)
    _waits(client, second, ("slot", f"tenant {tenant} may have 1 running at once, and has"))
