import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import update

from db.api_keys import digest
from db.tables import api_keys
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, Submit, is_problem
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture

GUARDED = [
    ("POST", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/account"),
    ("PATCH", "/api/v1/jobs/x"),
    ("POST", "/api/v1/jobs/x/retry"),
    ("GET", "/api/v1/jobs/x"),
    ("POST", "/api/v1/jobs/x/cancel"),
    ("GET", "/api/v1/jobs/x/outputs/0"),
    ("POST", "/api/v1/inputs"),
    ("GET", "/api/v1/models"),
    ("GET", "/api/v1/models/ssd-canny"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer segq_unknown"},
        {"Authorization": f"Bearer segq_{'x' * 1000}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic c2VncTpzZWdx"},
        {"Authorization": "segq_x"},
    ],
)
def test_nothing_is_told_without_a_key(
    gateway: Gateway, method: str, path: str, headers: dict[str, str]
) -> None:
    response = httpx.request(method, gateway.url + path, headers=headers)
    is_problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


def test_another_tenants_job_is_not_there(
    gateway: Gateway, client: httpx.Client, stranger: httpx.Client, submit: Submit
) -> None:
    job_id = submit()["id"]
    path = f"/api/v1/jobs/{job_id}"
    is_problem(stranger.get(path), 404, "not-found")
    is_problem(stranger.get(path, params={"wait": 60}), 404, "not-found")
    is_problem(stranger.post(f"{path}/cancel"), 404, "not-found")
    assert client.get(path).json()["state"] == "queued"
    worker_hands.succeed(gateway, worker_hands.claim(gateway, job_id), picture())
    assert client.get(f"{path}/outputs/0").status_code == 200
    is_problem(stranger.get(f"{path}/outputs/0"), 404, "not-found")


def test_another_tenants_image_is_not_there(client: httpx.Client, stranger: httpx.Client) -> None:
    image = picture(colour="orchid")
    upload = {"content": image, "headers": {"Content-Type": "image/jpeg"}}
    reference = client.post("/api/v1/inputs", **upload).json()["reference"]  # type: ignore[arg-type]  # as httpx has it
    body = {"model": "ssd-canny", "input": {**SMALL_INPUT, "image": reference}}
    problem = is_problem(stranger.post("/api/v1/jobs", json=body), 422, "invalid-fields")
    assert [error["field"] for error in problem["errors"]] == ["input.image"]
    # The same bytes sent by the other tenant are its own.
    assert stranger.post("/api/v1/inputs", **upload).json()["reference"] == reference  # type: ignore[arg-type]  # as above
    assert stranger.post("/api/v1/jobs", json=body).status_code == 202


def test_a_new_key_works_at_once_and_a_revoked_one_soon_does_not(
    gateway: Gateway, tenant: str
) -> None:
    key = gateway.key(tenant)
    with gateway.client(key) as client, ThreadPoolExecutor() as beside:
        body = {"model": "ssd-canny", "input": SMALL_INPUT, "run_at": "2099-01-01T00:00:00Z"}
        path = f"/api/v1/jobs/{client.post('/api/v1/jobs', json=body).json()['id']}"
        waiting = beside.submit(client.get, path, params={"wait": 60})
        with gateway.database.write() as connection:
            connection.execute(
                update(api_keys)
                .where(api_keys.c.digest == digest(key))
                .values(revoked_at=datetime.now(UTC))
            )
        revoked = time.monotonic()
        while client.get("/api/v1/models").status_code == 200:
            assert time.monotonic() - revoked < 5
            time.sleep(0.1)
        is_problem(client.get("/api/v1/models"), 401, "unauthorized")
        # A wait that had begun before ends too.
        is_problem(waiting.result(30), 401, "unauthorized")


def test_a_key_stands_in_no_log(gateway: Gateway, tenant: str) -> None:
    key = gateway.key(tenant)
    with gateway.client(key) as client:
        client.get("/api/v1/models")
        client.post("/api/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert key not in gateway.log.read_text()
