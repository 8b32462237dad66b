import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gateway import worker_hands
from tests.gateway.conftest import Submit, is_problem
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


def read(
    client: httpx.Client, job_id: str, etag: str | None = None, **query: str | int
) -> httpx.Response:
    headers = {} if etag is None else {"If-None-Match": etag}
    return client.get(f"/api/v1/jobs/{job_id}", params=query, headers=headers)


def test_an_etag_is_of_the_very_bytes(client: httpx.Client, submit: Submit) -> None:
    job = submit(run_at=LATER)["id"]
    first, second = read(client, job), read(client, job)
    etag = first.headers["etag"]
    assert etag == f'"{hashlib.sha256(first.content).hexdigest()[:32]}"'
    assert first.headers["cache-control"] == "private, no-cache"
    assert (second.content, second.headers["etag"]) == (first.content, etag)
    more = read(client, job, include="attempts")
    assert more.headers["etag"] != etag


@pytest.mark.parametrize("written", ["{}", "W/{}", '"other", {}', '{}, "other"', "*"])
def test_what_the_client_has_is_not_sent_again(
    client: httpx.Client, submit: Submit, written: str
) -> None:
    job = submit(run_at=LATER)["id"]
    etag = read(client, job).headers["etag"]
    again = read(client, job, written.format(etag))
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == etag
    assert again.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("written", ['"other"', "", "{}x", "x"])
def test_what_it_does_not_have_is(client: httpx.Client, submit: Submit, written: str) -> None:
    job = submit(run_at=LATER)["id"]
    etag = read(client, job).headers["etag"]
    assert read(client, job, written.format(etag)).status_code == 200


def test_a_job_that_has_changed_is_sent(client: httpx.Client, submit: Submit) -> None:
    job = submit(run_at=LATER)["id"]
    etag = read(client, job).headers["etag"]
    client.post(f"/api/v1/jobs/{job}/cancel")
    changed = read(client, job, etag)
    assert changed.status_code == 200
    assert changed.json()["state"] == "canceled"
    assert changed.headers["etag"] != etag


def test_a_wait_ends_with_304_when_nothing_has_changed(
    client: httpx.Client, submit: Submit
) -> None:
    job = submit(run_at=LATER)["id"]
    etag = read(client, job).headers["etag"]
    began = time.monotonic()
    assert read(client, job, etag, wait=1).status_code == 304
    assert time.monotonic() - began >= 1
    client.post(f"/api/v1/jobs/{job}/cancel")
    ended = read(client, job).headers["etag"]
    began = time.monotonic()
    assert read(client, job, ended, wait=60).status_code == 304
    assert time.monotonic() - began < 30


def test_a_wait_brings_what_has_changed(
    gateway: Gateway, client: httpx.Client, submit: Submit
) -> None:
    job = submit()["id"]
    claimed = worker_hands.claim(gateway, job)
    etag = read(client, job).headers["etag"]
    with ThreadPoolExecutor() as beside:
        answer = beside.submit(read, client, job, etag, wait=60)
        worker_hands.succeed(gateway, claimed, picture())
        worker_hands.hint(gateway, job)
        found = answer.result(30)
    assert found.status_code == 200
    assert found.json()["state"] == "succeeded"


def test_a_stranger_with_the_etag_is_told_nothing(
    client: httpx.Client, stranger: httpx.Client, submit: Submit
) -> None:
    job = submit(run_at=LATER)["id"]
    etag = read(client, job).headers["etag"]
    is_problem(read(stranger, job, etag), 404, "not-found")
    is_problem(read(stranger, job, "*"), 404, "not-found")


def test_what_a_read_does_not_know_is_named(client: httpx.Client, submit: Submit) -> None:
    job = submit(run_at=LATER)["id"]
    for query, field in (
        ({"waits": 1}, "waits"),
        ({"include": "outputs"}, "include"),
        ({"include": ""}, "include"),
    ):
        problem = is_problem(read(client, job, **query), 422, "invalid-fields")
        assert [error["field"] for error in problem["errors"]] == [field]
    twice = client.get(f"/api/v1/jobs/{job}?wait=1&wait=2")
    assert is_problem(twice, 422, "invalid-fields")["errors"][0]["field"] == "wait"
