import base64
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from db.tables import idempotency_keys, jobs, tenants
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

JSON = {"Content-Type": "application/json"}
BODY: dict[str, Any] = {"model": "ssd-canny", "input": SMALL_INPUT, "tags": ["größer 🎨"]}


def post(client: httpx.Client, key: str, path: str = "/api/v1/jobs", **how: Any) -> httpx.Response:
    how = how or {"json": BODY}
    return client.post(path, headers={"Idempotency-Key": key}, **how)


def count_jobs(gateway: Gateway, tenant: str) -> int:
    with gateway.database.read() as connection:
        mine = select(func.count()).select_from(jobs).join(tenants).where(tenants.c.name == tenant)
        return connection.scalar(mine) or 0


def is_replay(response: httpx.Response, first: httpx.Response) -> None:
    assert response.content == first.content
    assert response.status_code == first.status_code
    assert response.headers["idempotency-replayed"] == "true"
    for name in ("location", "content-type"):
        assert response.headers.get(name) == first.headers.get(name)


def test_the_same_request_again_gets_the_first_answer_and_makes_nothing(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    first = post(client, "order 17/3")
    assert first.status_code == 202
    assert "idempotency-replayed" not in first.headers
    client.post(f"/api/v1/jobs/{first.json()['id']}/cancel")
    is_replay(post(client, "order 17/3"), first)
    assert count_jobs(gateway, tenant) == 1


def test_requests_without_a_key_are_all_different(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    ids = {client.post("/api/v1/jobs", json=BODY).json()["id"] for _ in range(3)}
    assert count_jobs(gateway, tenant) == len(ids) == 3


def test_another_request_under_the_key_is_refused(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    first = post(client, "k")
    others: list[dict[str, Any]] = [
        {"json": {**BODY, "priority": "high"}},
        {"json": BODY, "params": {"x": "1"}},
        {"path": f"/api/v1/jobs/{first.json()['id']}/cancel", "content": b""},
        {"path": "/api/v1/inputs", "content": picture(), "headers": {"Content-Type": "image/png"}},
    ]
    for other in others:
        headers = {"Idempotency-Key": "k", **other.pop("headers", {})}
        response = client.post(other.pop("path", "/api/v1/jobs"), headers=headers, **other)
        problem = is_problem(response, 422, "idempotency-key-reused")
        assert "'k'" in problem["detail"]
    assert count_jobs(gateway, tenant) == 1
    assert client.get(first.headers["location"]).json()["state"] == "queued"


def test_a_used_key_decides_before_the_body_does(client: httpx.Client) -> None:
    """A repeat long after may break a rule that it kept the first time."""
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    body = {**BODY, "start_by": soon}
    first = post(client, "k", json=body)
    assert first.status_code == 202
    while datetime.now(UTC) <= datetime.fromisoformat(soon):
        time.sleep(0.05)
    assert client.post("/api/v1/jobs", json=body).status_code == 422
    is_replay(post(client, "k", json=body), first)
    others: list[dict[str, Any]] = [
        {"json": {"model": "none"}},
        {"content": b"{", "headers": JSON},
    ]
    for other in others:
        headers = {"Idempotency-Key": "k", **other.pop("headers", {})}
        response = client.post("/api/v1/jobs", headers=headers, **other)
        is_problem(response, 422, "idempotency-key-reused")


def test_a_key_is_each_tenants_own(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client, tenant: str
) -> None:
    mine, theirs = post(client, "shared"), post(stranger, "shared")
    assert mine.json()["id"] != theirs.json()["id"]
    is_replay(post(client, "shared"), mine)
    is_replay(post(stranger, "shared"), theirs)
    assert count_jobs(gateway, tenant) == 1


def test_a_refused_request_leaves_the_key_free(client: httpx.Client) -> None:
    wrong = {**BODY, "priority": "urgent"}
    for _ in range(2):
        is_problem(post(client, "k", json=wrong), 422, "invalid-fields")
    assert post(client, "k").status_code == 202


def test_a_day_later_the_key_is_free(gateway: Gateway, client: httpx.Client, tenant: str) -> None:
    first = post(client, f"of {tenant}")
    for seconds, is_new in ((-60, False), (1, True)):
        with gateway.database.write() as connection:
            connection.execute(
                update(idempotency_keys)
                .where(idempotency_keys.c.key == f"of {tenant}")
                .values(created_at=gateway.database.after(-timedelta(hours=24, seconds=seconds)))
            )
        again = post(client, f"of {tenant}")
        assert again.status_code == 202
        assert (again.json()["id"] != first.json()["id"]) == is_new
    assert count_jobs(gateway, tenant) == 2


@pytest.mark.parametrize(
    ("sent", "same"),
    [('"quoted"', "quoted"), (r'"a \"b\" \\c"', r'a "b" \c'), ("~" * 255, "~" * 255)],
)
def test_a_key_may_stand_in_quotes(client: httpx.Client, sent: str, same: str) -> None:
    first = post(client, sent)
    assert first.status_code == 202
    is_replay(post(client, same), first)


@pytest.mark.parametrize(
    "sent",
    ["", '""', "k" * 256, '"open', '"a" b', '"a";x=1', r'"a\b"', '"', "größe".encode(), b"a\tb"],
)
def test_a_wrong_key_is_named(client: httpx.Client, sent: str | bytes) -> None:
    raw = sent if isinstance(sent, bytes) else sent.encode()
    cancel = f"/api/v1/jobs/{post(client, 'good').json()['id']}/cancel"
    for path, body in (("/api/v1/jobs", BODY), (cancel, {"image": "keep"})):
        response = client.post(path, json=body, headers=[(b"Idempotency-Key", raw)])
        problem = is_problem(response, 422, "invalid-fields")
        assert [error["field"] for error in problem["errors"]] == ["Idempotency-Key"]


def test_a_key_that_stands_twice_is_refused(client: httpx.Client) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    problem = is_problem(
        client.post("/api/v1/jobs", json=BODY, headers=headers), 422, "invalid-fields"
    )
    assert problem["errors"][0]["message"] == "must stand once, not 2 times"


def test_cancel_and_retry_are_done_once(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    own = f"/api/v1/jobs/{post(client, 'submit').json()['id']}"
    canceled = post(client, "cancel", f"{own}/cancel", content=b"")
    assert canceled.json()["state"] == "canceled"
    retried = post(client, "retry", f"{own}/retry", content=b"")
    assert retried.json()["state"] == "queued"
    # Done again, the one would end the job anew and the other be refused.
    is_replay(post(client, "cancel", f"{own}/cancel", content=b""), canceled)
    is_replay(post(client, "retry", f"{own}/retry", content=b""), retried)
    assert client.get(own).json()["state"] == "queued"
    is_problem(post(client, "retry again", f"{own}/retry", content=b""), 409, "illegal-move")
    worker_hands.fail(gateway, worker_hands.claim(gateway, own.rpartition("/")[2]))
    assert post(client, "retry again", f"{own}/retry", content=b"").json()["state"] == "queued"


def test_an_upload_is_known_by_its_image(client: httpx.Client) -> None:
    image = picture("PNG", (31, 7))

    def form(data: bytes) -> httpx.Response:
        return post(client, "upload", "/api/v1/inputs", files={"file": ("a.png", data)})

    first = form(image)
    assert first.status_code == 201
    again = form(image)
    # Another boundary, and yet the same request.
    assert again.request.headers["content-type"] != first.request.headers["content-type"]
    is_replay(again, first)
    is_problem(form(picture("PNG", (7, 31))), 422, "idempotency-key-reused")
    is_problem(
        post(client, "broken", "/api/v1/inputs", files={"file": ("a.png", image[:-20])}),
        422,
        "invalid-fields",
    )
    assert post(client, "broken", "/api/v1/inputs", files={"file": ("a", image)}).status_code == 201


def test_a_job_with_its_image_inside_is_made_once(
    gateway: Gateway, client: httpx.Client, tenant: str
) -> None:
    uri = "data:image/png;base64," + base64.b64encode(picture("PNG", (900, 700))).decode()
    body = {**BODY, "input": {**SMALL_INPUT, "image": uri}}
    first = post(client, "k", json=body)
    assert first.json()["input"]["image"].startswith("segq:")
    is_replay(post(client, "k", json=body), first)
    assert count_jobs(gateway, tenant) == 1
