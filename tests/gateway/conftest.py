import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.engine import Database
from db.migrate import upgrade
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.servers.valkey import running_valkey

# The seed's own example request, as its page shows it.
SEED_INPUT: dict[str, Any] = {
    "image": "https://segmind-sd-models.s3.amazonaws.com/outputs/ssd_canny_input.png",
    "prompt": "beautiful lady, scandanavian, natural skin, big smile, black hair, dark makeup, "
    "wearing a black top, hyperdetailed photography, sharp focus on face, soft light, "
    "dark background, head and shoulders portrait, cover, city bokeh background",
    "negative_prompt": "low quality, ugly, painting",
    "samples": 1,
    "scheduler": "UniPC",
    "num_inference_steps": 30,
    "guidance_scale": 7.5,
    "seed": 760941192,
    "controlnet_scale": 0.5,
    "base64": False,
}
SMALL_INPUT = {"image": "https://example.com/a.png", "prompt": "a boat"}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for each test process; its tests use tenants of their own."""
    folder = tmp_path_factory.mktemp("gateway")
    database = migrated(folder)
    with running_valkey(folder) as redis, running_gateway(folder, database, redis) as found:
        yield found
    database.close()


def migrated(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder / 'segq.db'}")
    upgrade(database)
    return database


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid.uuid4()}"


@pytest.fixture
def client(gateway: Gateway, tenant: str) -> Iterator[httpx.Client]:
    """Speaks for a tenant that is new."""
    with gateway.client(gateway.key(tenant)) as found:
        yield found


@pytest.fixture
def stranger(gateway: Gateway) -> Iterator[httpx.Client]:
    """Speaks for another tenant."""
    with gateway.client(gateway.key(f"stranger-{uuid.uuid4()}")) as found:
        yield found


Submit = Callable[..., dict[str, Any]]


@pytest.fixture
def submit(client: httpx.Client) -> Submit:
    def one(given: dict[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
        body = {"model": "ssd-canny", "input": given or SMALL_INPUT, **envelope}
        response = client.post("/api/v1/jobs", json=body)
        assert response.status_code == 202, response.text
        found: dict[str, Any] = response.json()
        return found

    return one


Refuse = Callable[..., dict[str, str]]


@pytest.fixture
def refuse(client: httpx.Client) -> Refuse:
    """Submits what must be refused with 422; gives the message of each field named."""

    def one(given: Any = SMALL_INPUT, **envelope: Any) -> dict[str, str]:
        body = {"model": "ssd-canny", "input": given, **envelope}
        response = client.post("/api/v1/jobs", json=body)
        problem = is_problem(response, 422, "invalid-fields")
        return {error["field"]: error["message"] for error in problem["errors"]}

    return one


def is_problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem, when the answer is this one and has all that RFC 9457 and we promise."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"/problems/{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == response.request.url.path
    return problem
