"""A worker that was stopped and goes on much later, and one that is told to end (13, 13b and 16)."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from db import receipts
from db.crash_points import CrashPoint
from tests.faults.checker import assert_promises_kept
from tests.faults.crashes import Crashes
from tests.faults.durations import FAST, SHORT
from tests.systems.jobs_at_work import states, submit, wait_for_states
from tests.systems.processes import is_stopped, wait_until
from tests.systems.running_system import System
from tests.systems.targets import ELSEWHERE_AT_FULL_SIZE, ON_ITS_OWN_PARTS

Start = Callable[..., System]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """SIGSTOP, and SIGCONT at the end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@ELSEWHERE_AT_FULL_SIZE
def test_a_claim_is_not_sent_late(crashes: Crashes, system: Start) -> None:
    """13b: it was swept meanwhile, so nothing may leave; then it is known to be unsent, and free."""
    one = system(**{**SHORT, "SEGQ_SLOTS": "1"}, **crashes.environment(CrashPoint.CLAIMED))
    one.settings(latency=FAST)
    crashes.ask(CrashPoint.CLAIMED, halt=True)
    ids = submit(one, 1)
    crashes.wait()
    worker = one.pid("worker-1")
    wait_until(lambda: is_stopped(worker), "the worker halts")
    wait_for_states(one, in_doubt=1)
    assert not one.ledger()
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: not states(one)["in_doubt"], "its worker says that it was not sent")
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 1}
    assert report.calls == 1
    (job,) = (one.client.get(job, attempts=True) for job in ids)
    assert [one["outcome"] for one in job.raw["attempt_history"]] == ["not_sent", "succeeded"]
    assert job.raw["attempts"] == 1


def test_a_worker_that_slept_through_its_lease_changes_nothing(system: Start) -> None:
    """13: its receipt was settled by the sweeper; what it then writes moves no job."""
    one = system(**{**SHORT, "SEGQ_SLOTS": "4"})
    one.settings(latency={"median": 1.2, "sigma": 0})
    ids = submit(one, 4)
    wait_for_states(one, running=4)

    def kept() -> int:
        store = one.artifacts
        return sum(len(receipts.read(store, key)) for key in receipts.pending(store))

    worker = one.pid("worker-1")
    with one.attempts_held():
        wait_until(lambda: kept() == 4, "four receipts wait for the database")
        os.kill(worker, signal.SIGSTOP)
    try:
        if one.run["database"].startswith("sqlite"):
            wait_for_states(one, succeeded=4)
    finally:
        os.kill(worker, signal.SIGCONT)
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 4}
    assert report.calls == 4


@ON_ITS_OWN_PARTS
def test_a_worker_sleeps_in_the_middle_of_calls(system: Start) -> None:
    """13: the calls were paid; the history tells of them, or their worker reads them after all."""
    one = system(**{**SHORT, "SEGQ_WORKERS": "2", "SEGQ_SLOTS": "4"})
    one.settings(latency={"median": 1.0, "sigma": 0})
    ids = submit(one, 16)
    wait_for_states(one, running=8)
    with stopped(one.pid("worker-1")):
        wait_for_states(one, succeeded=8, in_doubt=1)
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 16}
    assert report.calls == 16


@ELSEWHERE_AT_FULL_SIZE
def test_a_worker_is_told_to_end_with_calls_in_flight(system: Start) -> None:
    """16: they finish, no other is sent, and the next worker goes on."""
    one = system(**{**SHORT, "SEGMIND_TIMEOUT": "10"})
    one.settings(latency={"median": 1.5, "sigma": 0.1})
    ids = submit(one, 24)
    wait_for_states(one, running=8)
    ended = one.pid("worker-1")
    os.kill(ended, signal.SIGTERM)
    one.wait_restarted("worker-1", ended)
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 24}
    assert report.calls == 24
