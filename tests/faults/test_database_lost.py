"""The database goes away, or breaks off just when it has committed (scenarios 14 and 15)."""

import time
from collections.abc import Callable

import pytest

from db import receipts
from tests.faults.checker import assert_promises_kept
from tests.faults.conftest import Behind
from tests.faults.durations import FAST, LEASE, SHORT
from tests.servers.postgres_wire import commit_of
from tests.systems.jobs_at_work import submit, wait_for_states
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
LONG_CALLS = {"median": 1.0, "sigma": 0.05}


def _wait_for_receipts(system: System, count: int) -> None:
    def kept() -> int:
        store = system.artifacts
        return sum(len(receipts.read(store, key)) for key in receipts.pending(store))

    wait_until(lambda: kept() == count, f"{count} receipts wait for the database")


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize("how", ["refuses", "stalls"])
def test_it_is_away_from_the_answers_until_the_leases_have_run_out(
    how: str, behind: Callable[..., Behind]
) -> None:
    """14: what came meanwhile is on disk, and is booked when SQL is back."""
    found = behind(**SHORT)
    one = found.system
    one.settings(latency=LONG_CALLS)
    ids = submit(one, 8)
    wait_for_states(one, running=8)
    getattr(found.sql, how)()
    _wait_for_receipts(one, 8)
    time.sleep(LEASE)
    found.sql.passes()
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 8}
    assert report.calls == 8


@ON_ITS_OWN_PARTS
def test_it_is_held_by_somebody_until_the_leases_have_run_out(system: Start) -> None:
    """14, on SQLite."""
    one = system(**SHORT)
    one.settings(latency=LONG_CALLS)
    ids = submit(one, 8)
    wait_for_states(one, running=8)
    with one.attempts_held():
        _wait_for_receipts(one, 8)
        time.sleep(LEASE)
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 8}
    assert report.calls == 8


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize(
    ("statement", "states"),
    [
        # The client asks again under its key, and gets the job that is there.
        ("INSERT INTO jobs", {"succeeded": 6}),
        # The worker cannot know that it has claimed: it sends nothing, and cannot prove it.
        ("INSERT INTO attempts", {"succeeded": 5, "in_doubt": 1}),
        # It settles again, which is once.
        ("UPDATE attempts", {"succeeded": 6}),
    ],
)
def test_it_breaks_off_before_it_says_that_it_has_committed(
    statement: str, states: dict[str, int], behind: Callable[..., Behind]
) -> None:
    """15: no second POST, whoever's commit it was."""
    found = behind(**{**SHORT, "SEGQ_SLOTS": "1"})
    one = found.system
    one.settings(latency=FAST)
    found.sql.cuts_after(commit_of(statement))
    ids = submit(one, 6)
    assert found.sql.wait_for_cut(20)
    report = assert_promises_kept(one, ids)
    assert report.states == states
    assert report.calls == states["succeeded"]
