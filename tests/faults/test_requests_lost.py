"""v2 requests under way while what asks about them dies, or their records are gone (12 and 20)."""

from collections.abc import Callable

from db.crash_points import CrashPoint
from tests.faults.checker import assert_promises_kept
from tests.faults.crashes import Crashes
from tests.faults.durations import FAST, SHORT
from tests.systems.jobs_at_work import submit, wait_for_states
from tests.systems.running_system import System
from tests.systems.targets import ELSEWHERE_AT_FULL_SIZE, ON_ITS_OWN_PARTS

Start = Callable[..., System]
V2 = {**SHORT, "SEGQ_TRANSPORT": "v2", "SEGQ_LOOK_SECONDS": "0.5"}


@ELSEWHERE_AT_FULL_SIZE
def test_upkeep_dies_when_it_has_seen_that_a_request_is_done(
    crashes: Crashes, system: Start
) -> None:
    """12: another goes on where it died; one charge."""
    one = system(**V2, **crashes.environment(CrashPoint.POLLED))
    one.settings(latency=FAST)
    crashes.ask(CrashPoint.POLLED)
    ids = submit(one, 5)
    crashes.wait()
    # Whoever died holds what it was asking about for a while.
    one.sql("UPDATE attempts SET next_poll_at = claimed_at WHERE next_poll_at IS NOT NULL")
    report = assert_promises_kept(one, ids)
    assert (report.states, report.calls) == ({"succeeded": 5}, 5)


def test_a_worker_dies_when_the_requests_id_is_written(crashes: Crashes, system: Start) -> None:
    """12: nothing is in doubt, nobody needs that worker any more."""
    # One at a time, so that a death is that of one call alone.
    few = {**V2, "SEGQ_WORKERS": "2", "SEGQ_SLOTS": "1"}
    one = system(**few, **crashes.environment(CrashPoint.WRITTEN))
    one.settings(latency=FAST)
    crashes.ask(CrashPoint.WRITTEN)
    ids = submit(one, 5)
    crashes.wait()
    assert assert_promises_kept(one, ids).states == {"succeeded": 5}
    assert one.sql("SELECT count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL") == [{"n": 0}]


@ON_ITS_OWN_PARTS
def test_records_that_have_expired_are_found_in_the_history(system: Start) -> None:
    """20: in doubt, not failed; and then recovered."""
    one = system(**V2)
    one.settings(latency={"median": 1.0, "sigma": 0.1}, record_seconds=0.5)
    ids = submit(one, 8)
    report = assert_promises_kept(one, ids)
    wait_for_states(one, succeeded=8)
    assert report.calls == 8
    (expired,) = one.sql("SELECT count(*) AS n FROM attempts WHERE doubt_ended = 'recovered'")
    assert expired["n"] == 8
