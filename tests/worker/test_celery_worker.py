"""One worker as a process of its own: what it takes from the queue, and what it leaves in Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from redis import Redis

from db.rows import Job, NewJob
from db.tenants import TenantStore
from jobs import catalog
from jobs.catalog.inputs import check
from jobs.states import State
from jobs.wire import slots_key
from tests.sandbox.sandbox_process import KEY, ROOT, SandboxProcess
from tests.systems.processes import wait_until
from worker import tickets
from worker.announcing import GOOD_FOR
from worker.parts import Parts

QUEUE = "generate.segmind"
SLOTS = 2


@pytest.fixture
def tenant(parts: Parts) -> UUID:
    return TenantStore(parts.database).ensure("default")


@pytest.fixture
def submit(parts: Parts, tenant: UUID) -> Callable[[int], list[Job]]:
    def many(count: int) -> list[Job]:
        model = catalog.model("ssd-canny")
        checked = check(model, {"image": "https://example.org/a.png", "prompt": "a fox"})
        new = NewJob(tenant, parts.pool, model.slug, checked, model.price(checked))
        return [parts.jobs.add(new) for _ in range(count)]

    return many


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(
    parts: Parts, database_url: str, valkey: str, sandbox: SandboxProcess, tmp_path: Path
) -> Iterator[Start]:
    """A worker with two slots that serves when it is returned; ended by its own id."""
    started: list[subprocess.Popen[bytes]] = []

    def one(**settings: str) -> subprocess.Popen[bytes]:
        ready = tmp_path / f"ready-{len(started)}"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
            "DATABASE_URL": database_url,
            "REDIS_URL": valkey,
            "SEGQ_ARTIFACTS": str(tmp_path / "artifacts"),
            "SEGMIND_API_KEY": KEY,
            "SEGMIND_BASE_URL": sandbox.url,
            "SEGMIND_RPM": "6000",
            "SEGQ_SLOTS": str(SLOTS),
            "SEGQ_READY_FILE": str(ready),
            **settings,
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker", "generate"], env=environment, cwd=tmp_path
        )
        started.append(worker)
        wait_until(ready.exists, "the worker serves", timeout=60)
        return worker

    yield one
    for worker in started:
        worker.terminate()
    # All of them, before one that ended otherwise is told of.
    assert {worker.wait(30) for worker in started} <= {0}


def _put(parts: Parts, valkey: str, count: int) -> None:
    app = Celery("test", broker=valkey, set_as_current=False)
    app.conf.task_ignore_result = True
    tickets._put(app, QUEUE, parts.pool, count)
    app.close()


def _succeeded(parts: Parts, tenant: UUID, jobs: list[Job]) -> int:
    states = [parts.jobs.get(tenant, job.id).state for job in jobs]
    return states.count(State.SUCCEEDED)


def test_it_takes_as_many_tickets_as_it_has_slots_and_nothing_is_noted_of_them(
    parts: Parts,
    submit: Callable[[int], list[Job]],
    tenant: UUID,
    start: Start,
    valkey: str,
    sandbox: SandboxProcess,
) -> None:
    sandbox.change(latency={"median": 1.5, "sigma": 0})
    jobs = submit(5)
    redis: Redis = Redis.from_url(valkey)
    _put(parts, valkey, 5)
    start()
    wait_until(lambda: redis.llen(QUEUE) == 3, "two are taken")
    wait_until(
        lambda: [parts.jobs.get(tenant, j.id).state for j in jobs].count(State.RUNNING) == SLOTS,
        "two run",
    )
    assert redis.llen(QUEUE) == 3
    assert redis.keys("unacked*") == []
    wait_until(lambda: _succeeded(parts, tenant, jobs) == 5, "all succeeded", timeout=30)
    # The worker's limiter deletes no field here; an acknowledgement would have, for each ticket.
    assert "cmdstat_hdel" not in redis.info("commandstats")
    redis.close()


def test_a_ticket_that_may_takes_its_slot_on_to_the_next_job(
    parts: Parts, submit: Callable[[int], list[Job]], tenant: UUID, start: Start, valkey: str
) -> None:
    """One ticket, no upkeep that would put others: it serves all that wait, and then ends."""
    jobs = submit(7)
    start(SEGQ_TICKET_SECONDS="30")
    _put(parts, valkey, 1)
    wait_until(lambda: _succeeded(parts, tenant, jobs) == 7, "all succeeded", timeout=30)
    (late,) = submit(1)
    _put(parts, valkey, 1)  # the slot is free again
    wait_until(lambda: _succeeded(parts, tenant, [late]) == 1, "the late one too", timeout=30)


def test_without_that_a_ticket_is_one_job(
    parts: Parts, submit: Callable[[int], list[Job]], tenant: UUID, start: Start, valkey: str
) -> None:
    jobs = submit(3)
    start()
    _put(parts, valkey, 2)
    wait_until(lambda: _succeeded(parts, tenant, jobs) == 2, "two succeeded", timeout=30)
    assert [parts.jobs.get(tenant, job.id).state for job in jobs] == [
        State.SUCCEEDED,
        State.SUCCEEDED,
        State.QUEUED,
    ]


def test_its_slots_are_told_while_it_serves(parts: Parts, start: Start, valkey: str) -> None:
    redis: Any = Redis.from_url(valkey, decode_responses=True)
    workers = [start(), start()]

    def told() -> list[str]:
        return [words.rpartition(":")[2] for words in redis.zrange(slots_key(parts.pool), 0, -1)]

    wait_until(lambda: told() == ["2", "2"], "both have told")
    workers[0].terminate()
    assert workers[0].wait(30) == 0
    assert told() == ["2"]
    ((_, good_until),) = redis.zrange(slots_key(parts.pool), 0, -1, withscores=True)
    assert 0 < good_until - redis.time()[0] <= GOOD_FOR
    redis.close()


def test_told_to_end_again_and_again_it_ends_as_if_told_once(start: Start) -> None:
    worker = start()
    while worker.poll() is None:
        worker.terminate()
        time.sleep(0.01)
    assert worker.returncode == 0
