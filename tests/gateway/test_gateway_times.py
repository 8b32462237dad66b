"""`run_at`, `start_by` and `finish_by` at work: a gateway, a worker's parts, upkeep and a sandbox."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from cli.ports import free_port
from db.engine import Database
from tests.gateway.conftest import SMALL_INPUT
from tests.gateway.gateway_process import running_gateway
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.worker.one_account import only
from worker import settings
from worker.celery_settings import celery_settings
from worker.parts import Parts, build
from worker.run import run_ticket
from worker.upkeep import top_up

SECONDS = 20.0
"""How long a test waits for what should take a moment."""


@pytest.fixture
def client(database: Database, valkey: str, tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        running_gateway(tmp_path, database, valkey) as gateway,
        gateway.client(gateway.key("default")) as found,
    ):
        yield found


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    started = SandboxProcess()
    try:
        yield started
    finally:
        started.end()


class Work:
    """Upkeep's turns and a worker's tickets, by hand."""

    def __init__(self, parts: Parts, broker: str) -> None:
        self._parts = parts
        self._upkeep = Celery("segq", broker=broker, set_as_current=False)
        self._upkeep.conf.update(celery_settings(broker, parts.pool))

    def turn(self) -> None:
        top_up(self._parts, self._upkeep)
        if self._parts.jobs.waiting(self._parts.pool, 1):
            run_ticket(self._parts)

    def until(self, client: httpx.Client, job: dict[str, Any], *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while True:
            found: dict[str, Any] = client.get(f"/api/v1/jobs/{job['id']}").json()
            if found["state"] in states:
                return found
            assert time.monotonic() < deadline, found
            self.turn()
            time.sleep(0.02)


Working = Callable[[str], Any]


@pytest.fixture
def working(database_url: str, valkey: str, tmp_path: Path) -> Working:
    @contextmanager
    def one(segmind: str) -> Iterator[Work]:
        parts = build(
            settings.read(
                {
                    "DATABASE_URL": database_url,
                    "REDIS_URL": valkey,
                    "SEGQ_ARTIFACTS": str(tmp_path / "artifacts"),
                    "SEGMIND_API_KEY": KEY,
                    "SEGMIND_BASE_URL": segmind,
                    "SEGMIND_RPM": "6000",
                }
            )
        )
        only(parts).limiter.rebuild([], 0, first=True)
        yield Work(parts, valkey)
        parts.upstream.close()
        parts.redis.close()
        parts.database.close()

    return one


def submit(client: httpx.Client, **envelope: Any) -> dict[str, Any]:
    body = {"model": "ssd-canny", "input": SMALL_INPUT, **envelope}
    response = client.post("/api/v1/jobs", json=body)
    assert response.status_code == 202, response.text
    found: dict[str, Any] = response.json()
    return found


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_job_runs_at_its_run_at_and_not_before(
    client: httpx.Client, working: Working, sandbox: SandboxProcess
) -> None:
    later = submit(client, run_at=soon(1.0))
    now = submit(client)
    with working(sandbox.url) as work:
        assert work.until(client, now, "succeeded")
        found = work.until(client, later, "succeeded")
    assert at(found["started_at"]) >= at(later["run_at"])
    assert len(sandbox.ledger()) == 2


def test_a_scheduled_job_that_is_retried_runs_at_once(
    client: httpx.Client, working: Working, sandbox: SandboxProcess
) -> None:
    job = submit(client, run_at=soon(3600))
    assert client.post(f"/api/v1/jobs/{job['id']}/retry").json()["state"] == "queued"
    with working(sandbox.url) as work:
        assert work.until(client, job, "succeeded")["run_at"] is None


def test_what_has_not_started_by_start_by_expires_and_is_not_called(
    client: httpx.Client, working: Working, sandbox: SandboxProcess
) -> None:
    queued = submit(client, start_by=soon(1.0))
    scheduled = submit(client, run_at=soon(0.5), start_by=soon(1.0))
    time.sleep(1.0)
    with working(sandbox.url) as work:
        for job in (queued, scheduled):
            found = work.until(client, job, "expired", "succeeded")
            assert found["state"] == "expired"
            assert found["error"]["message"] == "its start_by passed before it started"
            assert found["started_at"] is None
        assert sandbox.ledger() == []
        client.post(f"/api/v1/jobs/{queued['id']}/retry")
        found = work.until(client, queued, "succeeded")
        assert found["start_by"] is None


def test_a_call_under_way_at_finish_by_is_let_finish_and_counts(
    client: httpx.Client, working: Working, sandbox: SandboxProcess
) -> None:
    sandbox.change(latency={"median": 2.6, "sigma": 0})
    with working(sandbox.url) as work:
        job = submit(client, finish_by=soon(2.0))
        found = work.until(client, job, "succeeded", "expired")
    assert found["state"] == "succeeded", found
    assert at(found["started_at"]) < at(job["finish_by"]) < at(found["finished_at"])
    assert found["cost"] == "0.006"


def test_finish_by_bounds_the_tries(client: httpx.Client, working: Working) -> None:
    with working(f"http://127.0.0.1:{free_port()}") as work:  # nobody: no call is ever sent
        job = submit(client, finish_by=soon(1.5))
        found = work.until(client, job, "expired", "failed", "succeeded")
    assert found["state"] == "expired", found
    assert found["error"]["kind"] == "expired"
    assert "finish_by" in found["error"]["message"]
    # Ended when the next try could not start in time, or by upkeep's first turn after that.
    assert at(found["finished_at"]) < at(job["finish_by"]) + timedelta(seconds=5)
    assert found["cost"] == "0"
