"""A worker that is connected and consumes nothing is noticed and started anew (7)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import Celery

from tests.faults.checker import assert_promises_kept
from tests.faults.durations import FAST, LEASE, SHORT
from tests.systems.jobs_at_work import submit
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
SOON = {**SHORT, "SEGQ_STALL_SECONDS": "3"}


@contextmanager
def remote_control(system: System) -> Iterator[Celery]:
    """Celery's own way to tell workers what to do."""
    app = Celery(broker=system.run["redis"])
    try:
        yield app
    finally:
        app.close()


def is_ready(system: System, name: str) -> bool:
    return (system.home / "ready" / name).exists()


@ON_ITS_OWN_PARTS
def test_a_worker_that_consumes_nothing_ends_and_is_started_anew(system: Start) -> None:
    one = system(**SOON)
    one.settings(latency=FAST)
    first = submit(one, 2)
    assert_promises_kept(one, first)
    idle = one.pid("worker-1")
    with remote_control(one) as app:
        app.control.cancel_consumer("generate.sandbox")
        wait_until(lambda: not _consumes(app), "it takes nothing any more")
    second = submit(one, 4)
    wait_until(lambda: not is_ready(one, "worker-1"), "it is not ready", timeout=20)
    one.wait_restarted("worker-1", idle)
    assert assert_promises_kept(one, [*first, *second]).states == {"succeeded": 6}
    assert one.events("worker-1", "consumes_nothing")
    wait_until(lambda: is_ready(one, "worker-1"), "the new one is ready")


@ON_ITS_OWN_PARTS
def test_a_worker_that_may_take_nothing_is_left_alone(system: Start) -> None:
    """An account that pauses, and then an empty queue, are no stall."""
    one = system(**SOON)
    one.settings(latency=FAST, credits="0")
    ids = submit(one, 4)
    worker = one.pid("worker-1")
    wait_until(
        lambda: one.sql("SELECT paused_for AS why FROM accounts") == [{"why": "credits"}],
        "the account pauses",
    )
    time.sleep(6)
    assert one.pid("worker-1") == worker
    one.settings(credits="5")
    assert_promises_kept(one, ids)
    time.sleep(4)
    assert one.pid("worker-1") == worker
    assert not one.events("worker-1", "consumes_nothing")


@ON_ITS_OWN_PARTS
def test_a_call_that_lasts_longer_than_a_lease_is_its_workers(system: Start) -> None:
    """Its process's heartbeats say that it lives: nothing comes into doubt."""
    one = system(**{**SHORT, "SEGMIND_TIMEOUT": "20"})
    # The sweeper comes every 5 s: it finds each lease that has run out.
    one.settings(latency={"median": LEASE + 6, "sigma": 0})
    ids = submit(one, 3)
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 3}
    assert one.sql("SELECT count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL") == [{"n": 0}]


def _consumes(app: Celery) -> bool:
    told = app.control.inspect(timeout=2).active_queues() or {}
    return any(queue["name"] == "generate.sandbox" for queues in told.values() for queue in queues)
