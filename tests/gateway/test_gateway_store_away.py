"""An S3 server that goes and comes back, as a gateway's callers see it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from cli.ports import free_port
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, is_problem, migrated
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.gateway.pictures import picture
from tests.servers.s3 import running_s3
from tests.servers.valkey import running_valkey

IMAGE = picture()
_FORM = {"Content-Type": "image/jpeg"}


class Store:
    """The server, which a test ends and starts again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._running = ExitStack()
        self.server = self.start()

    def start(self) -> dict[str, str]:
        return self._running.enter_context(running_s3(self._folder, self._port)).environment()

    def end(self) -> None:
        self._running.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "s3")
    yield found
    found.end()


@pytest.fixture
def gateway(store: Store, tmp_path: Path) -> Iterator[Gateway]:
    database = migrated(tmp_path)
    with (
        running_valkey(tmp_path) as redis,
        running_gateway(tmp_path, database, redis, **store.server) as found,
    ):
        yield found
    database.close()


def test_a_store_that_is_away_is_a_503_and_stops_nothing_else(
    gateway: Gateway, client: httpx.Client, store: Store
) -> None:
    body = {"model": "ssd-canny", "input": SMALL_INPUT}
    job = client.post("/api/v1/jobs", json=body).json()
    claimed = worker_hands.claim(gateway, job["id"])
    worker_hands.succeed(gateway, claimed, IMAGE)
    url = f"/api/v1/jobs/{job['id']}/outputs/0"
    etag = client.get(url).headers["etag"]
    store.end()
    is_problem(client.get(url), 503, "unavailable")
    assert client.head(url).status_code == 503
    response = client.post("/api/v1/inputs", content=IMAGE, headers=_FORM)
    is_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "1"
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.post("/api/v1/jobs", json=body).status_code == 202
    assert client.get("/readyz").status_code == 200
    store.start()
    assert client.get(url).content == IMAGE
    kept = client.post("/api/v1/inputs", content=IMAGE, headers=_FORM)
    assert kept.status_code == 201
    key = f"inputs/{claimed.job.tenant_id}/{kept.json()['sha256']}"
    assert gateway.store.get(key) == IMAGE
