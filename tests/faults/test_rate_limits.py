"""Limits whose end is told in every form, wrongly or not at all (18), and long pauses (26)."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from redis import Redis

from segq_client import ProblemError
from tests.faults.checker import Report, assert_promises_kept
from tests.faults.durations import FAST, SHORT
from tests.systems.jobs_at_work import all_ended, states, submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
WINDOW = 2
LIMITED = {
    **SHORT,
    "SEGMIND_WINDOW": str(WINDOW),
    "SEGQ_RESET_GUESS_SECONDS": "1",
    "SEGQ_RESET_LONGEST_SECONDS": "3",
}
SLOTS = int(SHORT["SEGQ_SLOTS"])


def _run(system: System, **told: Any) -> Report:
    """More jobs than a window takes; each is called once, besides refusals.

    A machine that makes less than a call a second would never meet the limit.
    """
    system.settings(latency=FAST, rpm=2, window_seconds=WINDOW, **told)
    before = len(system.ledger())
    ids = submit(system, 5)
    report = assert_promises_kept(system, ids, refused=None)
    assert set(report.states) == {"succeeded"}
    assert {job.raw["attempts"] for job in all_ended(system, ids)} == {1}
    refused = sum(row["status"] == 429 for row in system.ledger(before))
    assert refused, "the limit was never met"
    return report


def _forget(system: System) -> None:
    """Another limit in the account's row is taken over within seconds, and nothing learned stays."""
    system.sql("UPDATE accounts SET call_limit = call_limit + 1")
    learned = "SELECT 1 AS yes FROM accounts WHERE learned_limit = call_limit"
    wait_until(lambda: bool(system.sql(learned)), "the limiter has taken it over", timeout=10)


@ON_ITS_OWN_PARTS
def test_the_reset_comes_in_five_forms(system: Start) -> None:
    """18: each is understood, so no call is wasted on a guess."""
    one = system(**LIMITED)
    for form in ("iso", "iso_naive", "epoch", "epoch_ms", "http_date"):
        before = len(one.ledger())
        _forget(one)
        _run(one, reset_format=form)
        refused = sum(row["status"] == 429 for row in one.ledger(before))
        # At most all slots at once at the end of each of the windows that 5 calls need.
        assert refused <= 2 * SLOTS, f"{form}: {refused} refusals"


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize(
    "told",
    [
        {"reset_offset": -30},
        {"reset_header": "never"},
        {"reset_offset": 86_400},
        {"clock_offset": 3_600},
        {"clock_offset": -3_600},
    ],
    ids=["past", "absent", "absurd", "ahead", "behind"],
)
def test_the_reset_is_told_wrongly(told: dict[str, Any], system: Start) -> None:
    """18: bounded by our own settings, whatever the provider's clock says."""
    one = system(**LIMITED)
    _run(one, **told)


@ON_ITS_OWN_PARTS
def test_the_limit_drops_and_rises_again(system: Start) -> None:
    """25: obeyed within a window, and used again within eight."""
    one = system(**{**LIMITED, "SEGMIND_RPM": "40"})
    one.settings(latency=FAST, rpm=40, window_seconds=WINDOW)
    ids = submit(one, 60)
    wait_until(lambda: states(one)["succeeded"] >= 20, "calls go", timeout=60)
    one.settings(rpm=4)
    time.sleep(2 * WINDOW)
    before = len(one.ledger())
    time.sleep(3 * WINDOW)
    low = one.ledger(before)
    assert sum(row["status"] == 429 for row in low) <= 6
    one.settings(rpm=40)
    ids += submit(one, 400)
    time.sleep(7 * WINDOW)
    before = len(one.ledger())
    time.sleep(2 * WINDOW)
    used = [row for row in one.ledger(before) if row["status"] != 429]
    assert len(used) >= 0.8 * 2 * 40, "within eight windows nearly all is used again"
    assert one.sql("SELECT learned_limit AS a, good_limit AS b FROM accounts")[0]["a"] >= 32
    for job in ids:
        with suppress(ProblemError):
            one.client.cancel(job)
    report = assert_promises_kept(one, ids, refused=None)
    assert set(report.states) <= {"succeeded", "canceled"}


@ON_ITS_OWN_PARTS
def test_upkeep_goes_on_while_every_slot_waits_in_a_pause(system: Start) -> None:
    """26: what would end the pause does not wait behind it."""
    one = system(**{**SHORT, "SEGQ_SLOTS": "4"})
    refusal = {"kind": "status", "status": 401, "error": "key on hold"}
    one.settings(latency=FAST)
    one.sandbox.faults(
        {"match": {"path": "/v1/ssd-canny"}, "count": None, "effect": refusal},
        {"match": {"path": "/v1/get-user-credits"}, "count": None, "effect": refusal},
    )
    ids = submit(one, 12)
    pause = "SELECT paused_for AS why FROM accounts"
    wait_until(lambda: one.sql(pause) == [{"why": "key_refused"}], "the account pauses")
    with Redis.from_url(one.run["redis"]) as redis:
        # No slot is free: whoever puts one more ticket sees it lie there.
        wait_until(lambda: redis.llen("generate.sandbox") > 0, "every slot holds a ticket")
    (soon,) = submit(one, 1, run_at="2100-01-01T00:00:00Z")
    one.sql("UPDATE jobs SET run_at = created_at WHERE state = 'scheduled'")
    wait_until(lambda: one.client.get(soon).state == "queued", "moved when due", timeout=10)
    calls = len(one.ledger())
    # The clock of upkeep may die meanwhile.
    beat = one.pid("beat")
    os.kill(beat, signal.SIGKILL)
    one.wait_restarted("beat", beat)
    one.sandbox.faults()
    report = assert_promises_kept(one, [*ids, soon])
    assert report.states == {"succeeded": 13}
    assert report.calls >= calls + 13
