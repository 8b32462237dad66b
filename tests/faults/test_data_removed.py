"""Upkeep dies between what SQL says is gone and its bytes: nobody is shown them, and none stay."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from db.crash_points import CrashPoint
from db.engine import Database
from tests.db.ageing import pass_time
from tests.faults.checker import assert_promises_kept
from tests.faults.crashes import Crashes
from tests.faults.durations import FAST, SHORT
from tests.sandbox.sandbox_process import PHOTOGRAPH
from tests.systems.jobs_at_work import all_ended, submit
from tests.systems.processes import is_stopped, wait_until
from tests.systems.running_system import System

Start = Callable[..., System]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _pass_time(system: System, span: timedelta) -> None:
    database = Database(system.database)
    pass_time(database, span)
    database.close()


def _get(system: System, path: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {system.run['api_key']}"}
    return httpx.get(f"{system.gateway}{path}", headers=headers, trust_env=False, timeout=30)


def _none_is_kept(system: System, keys: list[str]) -> None:
    wait_until(lambda: not any(map(system.artifacts.has, keys)), "all bytes are gone", timeout=90)


def test_upkeep_dies_before_the_bytes_of_what_it_has_let_go(
    crashes: Crashes, system: Start
) -> None:
    one = system(
        **SHORT,
        SEGQ_KEEP_OUTPUTS="1h",
        SEGQ_KEEP_JOBS="2d",
        **crashes.environment(CrashPoint.LET_GO),
    )
    one.settings(latency=FAST)
    ids = submit(one, 4)
    values = {"image": one.client.upload(PHOTOGRAPH), "prompt": "uploaded"}
    ids.append(one.client.submit("ssd-canny", values).id)
    assert {job.state for job in all_ended(one, ids)} == {"succeeded"}
    images = [row["artifact"] for row in one.sql("SELECT artifact FROM outputs")]
    uploads = [row["artifact"] for row in one.sql("SELECT artifact FROM inputs")]
    assert (len(images), len(uploads)) == (5, 1)

    # Halted, so that it can be seen how it stands then.
    crashes.ask(CrashPoint.LET_GO, halt=True)
    _pass_time(one, 2 * HOUR)
    crashes.wait()
    halted = one.pid("upkeep")
    wait_until(lambda: is_stopped(halted), "upkeep is halted")
    for job in ids:
        answer = _get(one, f"/api/v1/jobs/{job}/outputs/0")
        assert (answer.status_code, answer.json()["type"]) == (410, "/problems/data-removed")
    assert all(map(one.artifacts.has, images))
    os.kill(halted, signal.SIGKILL)
    one.wait_restarted("upkeep", halted)
    _none_is_kept(one, images)
    # The upload is what a call is recognised by for longer.
    assert all(map(one.artifacts.has, uploads))
    report = assert_promises_kept(one, ids)
    assert (report.states, report.calls) == ({"succeeded": 5}, 5)

    crashes.ask(CrashPoint.LET_GO)
    _pass_time(one, 3 * DAY)
    crashes.wait()
    _none_is_kept(one, uploads)

    def jobs() -> list[dict[str, Any]]:
        return [_get(one, f"/api/v1/jobs/{job}").json() for job in ids]

    wait_until(lambda: all(job["data_removed"] for job in jobs()), "all data is gone", timeout=60)
    assert {job["cost"] for job in jobs()} == {"0.006"}
    report = assert_promises_kept(one, ids)
    assert (report.states, report.calls) == ({"succeeded": 5}, 5)
    for words in (("audit",), ("budget", "check")):
        done = one.segq(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: one.sql("SELECT * FROM removals") == [], "nothing is left to remove")
