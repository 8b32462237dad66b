import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import redis

from cli.ports import free_port
from db.engine import Database
from jobs.wire import ticket_queue
from tests.gateway import worker_hands
from tests.gateway.conftest import SMALL_INPUT, is_problem, migrated
from tests.gateway.gateway_process import Gateway, running_gateway
from tests.gateway.pictures import picture
from tests.gateway.waiting_reads import start_waiting
from tests.servers.valkey import running_valkey

BODY = {"model": "ssd-canny", "input": SMALL_INPUT}


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose Redis is not there."""
    database = migrated(tmp_path)
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    with running_gateway(tmp_path, database, redis_url) as found:
        yield found
    database.close()


def test_without_redis_jobs_are_taken_read_and_waited_for(lonely: Gateway, tmp_path: Path) -> None:
    assert httpx.get(f"{lonely.url}/healthz").status_code == 200
    problem = is_problem(httpx.get(f"{lonely.url}/readyz"), 503, "unavailable")
    assert [error["field"] for error in problem["errors"]] == ["redis"]
    with lonely.client(lonely.key("default")) as client, ThreadPoolExecutor() as beside:
        accepted = client.post("/api/v1/jobs", json=BODY)
        assert accepted.status_code == 202
        assert accepted.json()["waiting_for"] == "slot"
        path = f"/api/v1/jobs/{accepted.json()['id']}"
        claimed = worker_hands.claim(lonely, accepted.json()["id"])
        answer = beside.submit(client.get, path, params={"wait": 60})
        time.sleep(0.1)  # so that the read most likely waits already
        worker_hands.succeed(lonely, claimed, picture())
        assert answer.result(30).json()["state"] == "succeeded"
        second = client.post("/api/v1/jobs", json=BODY).json()["id"]
        assert client.post(f"/api/v1/jobs/{second}/cancel").json()["state"] == "canceled"
        _redis_comes_back(lonely, client, beside, tmp_path)


def _redis_comes_back(
    lonely: Gateway, client: httpx.Client, beside: ThreadPoolExecutor, folder: Path
) -> None:
    port = int(lonely.redis.rpartition(":")[2].partition("/")[0])
    with running_valkey(folder, port) as url, redis.Redis.from_url(url) as line:
        deadline = time.monotonic() + 20
        while not line.llen(ticket_queue("segmind")):
            assert time.monotonic() < deadline
            assert client.post("/api/v1/jobs", json=BODY).status_code == 202
            time.sleep(0.05)
        assert client.get("/readyz").status_code == 200
        job_id = client.post("/api/v1/jobs", json=BODY).json()["id"]
        claimed = worker_hands.claim(lonely, job_id)
        answer = start_waiting(beside, lonely, client, job_id, 60)
        worker_hands.succeed(lonely, claimed, picture())
        worker_hands.hint(lonely, job_id)
        assert answer.result(1.5).json()["state"] == "succeeded"


def test_a_database_without_tables_is_not_ready(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    with running_gateway(tmp_path, database, redis_url) as found:
        problem = is_problem(httpx.get(f"{found.url}/readyz"), 503, "unavailable")
        assert [error["field"] for error in problem["errors"]] == ["sql", "redis"]
        headers = {"Authorization": "Bearer segq_x"}
        response = httpx.get(f"{found.url}/api/v1/models", headers=headers)
        is_problem(response, 503, "unavailable")
        assert response.headers["retry-after"] == "1"
    database.close()


def test_a_stop_ends_waiting_reads_with_an_answer(lonely: Gateway) -> None:
    with lonely.client(lonely.key("default")) as client, ThreadPoolExecutor() as beside:
        job_id = client.post("/api/v1/jobs", json=BODY).json()["id"]
        answer = beside.submit(client.get, f"/api/v1/jobs/{job_id}", params={"wait": 60})
        time.sleep(0.2)  # so that the read most likely waits already
        lonely.process.send_signal(signal.SIGTERM)
        assert answer.result(10).json()["state"] == "queued"
        lonely.process.wait(10)
