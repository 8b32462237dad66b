"""A process dies between any two things that are kept (scenarios 1, 9, 10 and 11 of the table)."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from db.crash_points import CrashPoint
from tests.faults.checker import assert_promises_kept
from tests.faults.crashes import Crashes
from tests.faults.durations import FAST, SHORT
from tests.systems.jobs_at_work import PHOTOGRAPH, submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import AT_FULL_SIZE, ELSEWHERE_AT_FULL_SIZE, ON_ITS_OWN_PARTS

Start = Callable[..., System]
# So that a death is that of one job alone.
ONE_AT_A_TIME = {**SHORT, "SEGQ_WORKERS": "2", "SEGQ_SLOTS": "1"}
DIES_WITH = {
    # It lapses, and the next ticket finds the job.
    CrashPoint.PERMITTED: {"succeeded": 5},
    # Nobody can say whether it left; and it did not, as the history will have shown in a while.
    CrashPoint.CLAIMED: {"succeeded": 4, "in_doubt": 1},
    # It did, and the history has it.
    CrashPoint.ANSWERED: {"succeeded": 5},
    # What is on disk is found.
    CrashPoint.IMAGES_KEPT: {"succeeded": 5},
    CrashPoint.RECEIPT_KEPT: {"succeeded": 5},
    CrashPoint.SETTLED: {"succeeded": 5},
}
ELSEWHERE_TOO = {CrashPoint.CLAIMED, CrashPoint.RECEIPT_KEPT}
"""On other servers in every run; at the others only at full size."""
IN_UPKEEP = {CrashPoint.SWEPT, CrashPoint.RELEASED, CrashPoint.RESUMED}
OF_V2 = {CrashPoint.WRITTEN, CrashPoint.POLLED}
"""Crossed in test_requests_lost.py."""
OF_RETENTION = {CrashPoint.LET_GO}
"""Crossed in test_data_removed.py."""
CROSSED = {*DIES_WITH, CrashPoint.ACCEPTED, *IN_UPKEEP, *OF_V2, *OF_RETENTION}


def test_every_point_is_crossed_here() -> None:
    assert set(CrashPoint) == CROSSED


@pytest.mark.parametrize(
    ("stores", "point"),
    [
        *(("embedded", point) for point in DIES_WITH),
        *(
            pytest.param("external", point, marks=() if point in ELSEWHERE_TOO else AT_FULL_SIZE)
            for point in DIES_WITH
        ),
    ],
    indirect=["stores"],
)
def test_a_worker_dies(point: CrashPoint, crashes: Crashes, system: Start) -> None:
    """9, 10, 11: what is lost is at most known to be in doubt; nothing is called for twice."""
    one = system(**ONE_AT_A_TIME, **crashes.environment(point))
    one.settings(latency=FAST)
    crashes.ask(point)
    ids = submit(one, 5)
    crashes.wait()
    estimated = 1 if point is CrashPoint.IMAGES_KEPT else 0
    report = assert_promises_kept(one, ids, estimated=estimated)
    assert report.states == DIES_WITH[point]
    # Paid for once each; what was never sent was not paid for.
    assert report.calls == 5 - (point is CrashPoint.CLAIMED)
    assert report.doubts["worker_lost"] == report.states["in_doubt"]


@ELSEWHERE_AT_FULL_SIZE
def test_the_sweeper_dies_with_a_receipt_that_it_has_settled(
    crashes: Crashes, system: Start
) -> None:
    """11: the receipt is found again, and settles nothing more."""
    points = CrashPoint.RECEIPT_KEPT, CrashPoint.SWEPT
    one = system(**ONE_AT_A_TIME, **crashes.environment(*points))
    one.settings(latency=FAST)
    for point in points:
        crashes.ask(point)
    ids = submit(one, 5)
    crashes.wait()
    assert assert_promises_kept(one, ids).states == {"succeeded": 5}


@ON_ITS_OWN_PARTS
def test_upkeep_dies_before_the_tickets_of_what_is_due(crashes: Crashes, system: Start) -> None:
    one = system(**ONE_AT_A_TIME, **crashes.environment(CrashPoint.RELEASED))
    one.settings(latency=FAST)
    crashes.ask(CrashPoint.RELEASED)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    ids = submit(one, 5, run_at=soon.isoformat())
    crashes.wait()
    assert assert_promises_kept(one, ids).states == {"succeeded": 5}


@ON_ITS_OWN_PARTS
def test_upkeep_dies_before_the_limiter_knows_of_the_pauses_end(
    crashes: Crashes, system: Start
) -> None:
    one = system(**ONE_AT_A_TIME, **crashes.environment(CrashPoint.RESUMED))
    one.settings(latency=FAST, credits="0")
    ids = submit(one, 5)
    pause = "SELECT paused_for AS why FROM accounts"
    wait_until(lambda: one.sql(pause) == [{"why": "credits"}], "the account pauses")
    crashes.ask(CrashPoint.RESUMED)
    one.settings(credits="5")
    crashes.wait()
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 5}


_JOB = {"model": "ssd-canny", "input": {"image": PHOTOGRAPH, "prompt": "once"}}


def _small(system: System) -> tuple[str, Any]:
    return "/api/v1/jobs", _JOB


def _large(system: System) -> tuple[str, Any]:
    # Its image is kept by segq, so that it goes another way through the gateway.
    from tests.sandbox.sandbox_process import PHOTOGRAPH as BYTES

    reference = system.client.upload(BYTES)
    return "/api/v1/jobs", {**_JOB, "input": {"image": reference, "prompt": "once"}}


def _retry(system: System) -> tuple[str, Any]:
    (job,) = submit(system, 1, run_at="2100-01-01T00:00:00Z")
    system.client.cancel(job)
    return f"/api/v1/jobs/{job}/retry", None


@pytest.mark.parametrize("ask", [_small, _large, _retry])
@ELSEWHERE_AT_FULL_SIZE
def test_the_gateway_dies_before_it_has_answered(
    ask: Callable[[System], tuple[str, Any]], crashes: Crashes, system: Start
) -> None:
    """1: the same key leads to the same job, and nothing is done twice."""
    one = system(**ONE_AT_A_TIME, **crashes.environment(CrashPoint.ACCEPTED))
    one.settings(latency=FAST)
    path, body = ask(one)
    before = {row["id"] for row in one.sql("SELECT id FROM jobs")}
    crashes.ask(CrashPoint.ACCEPTED)
    with httpx.Client(base_url=one.gateway, trust_env=False, timeout=30) as http:

        def post() -> httpx.Response | None:
            headers = {
                "Authorization": f"Bearer {one.run['api_key']}",
                "Idempotency-Key": "one and the same",
            }
            try:
                return http.post(path, json=body, headers=headers)
            except httpx.TransportError:
                return None

        assert post() is None
        crashes.wait()
        answers: list[httpx.Response] = []

        def answered() -> bool:
            answers.extend(_only(post()))
            return bool(answers)

        wait_until(answered, "the gateway is back", timeout=60)
    assert answers[0].is_success, answers[0].text
    assert answers[0].headers.get("Idempotency-Replayed") == "true"
    job = answers[0].json()["id"]
    assert len({row["id"] for row in one.sql("SELECT id FROM jobs")} - before) <= 1
    report = assert_promises_kept(one, [job])
    assert report.states["succeeded"] == report.calls == 1


def _only(answer: httpx.Response | None) -> Iterable[httpx.Response]:
    # A 503 says that its database is not there yet.
    return [] if answer is None or answer.status_code == 503 else [answer]
