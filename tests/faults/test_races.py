"""Clients and times that race with workers, and with each other (scenarios 2 and 24)."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random

import httpx

from cli.ports import free_port
from segq_client import ProblemError
from tests.faults.beside import beside
from tests.faults.checker import assert_promises_kept
from tests.faults.durations import FAST, SHORT
from tests.servers.ports import wait_for_port
from tests.systems.jobs_at_work import PHOTOGRAPH, submit
from tests.systems.running_system import System

Start = Callable[..., System]


def test_fifty_posts_with_one_key_are_one_job(system: Start) -> None:
    """2: at two gateways at once, so that no lock of one process decides it."""
    one = system(**SHORT)
    one.settings(latency=FAST)
    port = free_port()
    body = {"model": "ssd-canny", "input": {"image": PHOTOGRAPH, "prompt": "once"}}
    headers = {"Authorization": f"Bearer {one.run['api_key']}", "Idempotency-Key": "one"}
    with beside(one, "gateway", like="gateway", SEGQ_PORT=str(port)):
        wait_for_port(port)
        bases = [one.gateway, f"http://127.0.0.1:{port}"]
        together = threading.Barrier(50)

        def post(n: int) -> httpx.Response:
            with httpx.Client(base_url=bases[n % 2], trust_env=False, timeout=30) as http:
                together.wait(30)
                return http.post("/api/v1/jobs", json=body, headers=headers)

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(post, range(50)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 409}, statuses
    jobs = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    assert len(jobs) == 1, "one key led to several jobs"
    assert one.sql("SELECT count(*) AS jobs FROM jobs") == [{"jobs": 1}]
    report = assert_promises_kept(one, [*jobs])
    assert report.states == {"succeeded": 1}
    assert report.calls == 1


def test_cancels_race_with_claims_and_settles(system: Start) -> None:
    """24: one final state each, and whoever's call had left is paid for."""
    one = system(**SHORT)
    one.settings(latency={"median": 0.15, "sigma": 0.3})
    drawn = Random(24)
    ids = submit(one, 60)
    late = [(job, drawn.uniform(0, 1.5)) for job in ids]
    began = time.monotonic()

    def cancel(asked: tuple[str, float]) -> str:
        job, after = asked
        time.sleep(max(0.0, began + after - time.monotonic()))
        try:
            return one.client.cancel(job).state
        except ProblemError as error:  # it was final before
            return f"problem {error.status}"

    with ThreadPoolExecutor(12) as pool:
        said = Counter(pool.map(cancel, late))
    report = assert_promises_kept(one, ids)
    assert set(report.states) == {"succeeded", "canceled"}, (report.states, said)
    # At least those that were said to be canceled are, and those that were too late succeeded.
    assert report.states["canceled"] >= said["canceled"]
    assert report.states["succeeded"] == said["problem 409"] + said["succeeded"]


def test_bounds_in_time_race_with_claims_and_settles(system: Start) -> None:
    """24: expired ones were never sent, or their call had no end that was in time."""
    one = system(**{**SHORT, "SEGQ_SLOTS": "3"})
    one.settings(latency={"median": 0.3, "sigma": 0.3})
    drawn = Random(25)
    ids = []
    for _ in range(24):
        bound = datetime.now(UTC) + timedelta(seconds=drawn.uniform(0.5, 3))
        name = drawn.choice(["start_by", "finish_by"])
        ids += submit(one, 1, **{name: bound.isoformat()})
    report = assert_promises_kept(one, ids)
    assert set(report.states) == {"succeeded", "expired"}
    assert report.calls == report.states["succeeded"]
