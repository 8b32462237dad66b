"""Redis forgets, goes away, or comes back older than it was (scenarios 3, 4, 5, 6 and 8)."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from redis import Redis

from segq_client import ProblemError
from tests.faults.checker import assert_promises_kept
from tests.faults.conftest import Behind
from tests.faults.durations import FAST, SHORT
from tests.servers.proxy import bytes_seen
from tests.servers.valkey import running_valkey
from tests.systems.jobs_at_work import states, submit, wait_for_states
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]
QUEUE = "generate.sandbox"


@ON_ITS_OWN_PARTS
def test_flushes_again_and_again_never_exceed_the_limit(system: Start) -> None:
    """3: a limiter that starts anew after each flush would let a burst go each time."""
    limit = 20
    # More slots than calls in a window: a flush takes the tickets of the queue, not those in hand.
    one = system(**{**SHORT, "SEGMIND_RPM": str(limit), "SEGQ_SLOTS": "32"})
    # The provider counts in any window too: what it refuses was too much.
    one.settings(latency=FAST, window="sliding")
    ids = submit(one, 2 * limit)
    wait_for_states(one, succeeded=2)
    with Redis.from_url(one.run["redis"]) as redis:
        # Who waits at the limiter asks once a second, for two permits where there is a burst.
        for _ in range(30):
            redis.flushall()
            time.sleep(0.45)
    before = states(one)["succeeded"]
    wait_until(lambda: states(one)["succeeded"] > before, "it goes on", timeout=30)
    _cancel_waiting(one, ids)
    report = assert_promises_kept(one, ids, calls_in_window=(limit, 60))
    assert set(report.states) == {"succeeded", "canceled"}


def _cancel_waiting(system: System, ids: list[str]) -> None:
    """What would take a whole window to run."""
    for job in ids:
        with suppress(ProblemError):
            system.client.cancel(job)


@ON_ITS_OWN_PARTS
def test_a_flush_during_a_pause_ends_it_no_earlier(system: Start) -> None:
    """3: the account's row knows of the reset too."""
    # Shorter than the provider's: the calls of our window alone would hold back nobody.
    one = system(**SHORT, SEGMIND_WINDOW="2")
    one.settings(latency=FAST, rpm=4, window_seconds=15)
    ids = submit(one, 10)
    until = "SELECT limited_until FROM accounts WHERE limited_until IS NOT NULL"
    wait_until(lambda: bool(one.sql(until)), "the account pauses")
    wait_until(lambda: states(one)["running"] == 0, "no call under way")
    calls = len(one.ledger())
    with Redis.from_url(one.run["redis"]) as redis:
        redis.flushall()
    first = min(row["received_at"] for row in one.ledger())
    # The window began with the first call, on the same machine's clock.
    wait_until(lambda: time.time() > first + 14, "nearly the reset")
    assert len(one.ledger()) == calls, "a call left before the stated reset"
    report = assert_promises_kept(one, ids, refused=None)
    assert report.states == {"succeeded": 10}


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize("how", ["refuses", "stalls"])
def test_redis_is_away_for_a_while(how: str, behind: Callable[..., Behind]) -> None:
    """4: submits are still answered 202, no call leaves, and all goes on when it is back."""
    found = behind(**SHORT)
    one = found.system
    one.settings(latency=FAST)
    ids = submit(one, 4)
    wait_for_states(one, succeeded=4)
    getattr(found.redis, how)()
    # What had a permit by then may go.
    time.sleep(1.5)
    calls = len(one.ledger())
    ids += submit(one, 8)
    time.sleep(5)
    assert states(one) == {"succeeded": 4, "queued": 8}
    assert len(one.ledger()) == calls == 4
    found.redis.passes()
    assert assert_promises_kept(one, ids).states == {"succeeded": 12}


@ON_ITS_OWN_PARTS
def test_the_reply_of_a_permit_is_lost(behind: Callable[..., Behind]) -> None:
    """The limiter counts a permit that nobody knows of: it lapses."""
    found = behind(**SHORT)
    one = found.system
    one.settings(latency=FAST)
    ids = submit(one, 2)
    wait_for_states(one, succeeded=2)
    found.redis.cuts_after(bytes_seen(b"EVALSHA"))
    ids += submit(one, 6)
    assert found.redis.wait_for_cut(20)
    assert assert_promises_kept(one, ids).states == {"succeeded": 8}


@ON_ITS_OWN_PARTS
def test_redis_comes_back_from_an_old_file(system: Start, tmp_path: Path) -> None:
    """5: again and again; tickets of jobs that are done are worth nothing, and the calls since then
    are remembered.
    """
    folder, older = tmp_path / "valkey", tmp_path / "older"
    folder.mkdir()
    limit = 10
    with ExitStack() as last:
        servers = last.enter_context(ExitStack())
        url = servers.enter_context(running_valkey(folder))
        port = int(url.rpartition(":")[2].partition("/")[0])
        one = system(**{**SHORT, "SEGMIND_RPM": str(limit)}, REDIS_URL=url)
        one.settings(latency=FAST, window="sliding")
        ids = submit(one, 2 * limit)
        wait_for_states(one, succeeded=1)
        shutil.copytree(folder, older)
        for _ in range(limit):
            servers.close()
            shutil.rmtree(folder)
            shutil.copytree(older, folder)
            servers.enter_context(running_valkey(folder, port))
            # Each time one that has forgotten all calls since then would let one go.
            calls = len(one.ledger())
            with suppress(AssertionError):
                wait_until(lambda calls=calls: len(one.ledger()) > calls, "a call", 3, every=0.1)  # type: ignore[misc]  # bound now
        before = states(one)["succeeded"]
        wait_until(lambda: states(one)["succeeded"] > before, "it goes on", timeout=30)
        _cancel_waiting(one, ids)
        report = assert_promises_kept(one, ids, calls_in_window=(limit, 60))
        assert set(report.states) == {"succeeded", "canceled"}
        assert one.segq("down").returncode == 0


@ON_ITS_OWN_PARTS
def test_tickets_are_lost_with_the_worker_that_had_taken_them(system: Start) -> None:
    """6: SQL knows which jobs wait; upkeep puts tickets anew."""
    one = system(**{**SHORT, "SEGQ_SLOTS": "4"}, SEGMIND_WINDOW="6")
    one.settings(latency=FAST, rpm=2, window_seconds=6)
    ids = submit(one, 6)
    with Redis.from_url(one.run["redis"]) as redis:
        # The account pauses: slots hold tickets and wait.
        until = "SELECT limited_until FROM accounts WHERE limited_until IS NOT NULL"
        wait_until(lambda: bool(one.sql(until)), "the account pauses")
        wait_until(lambda: states(one)["running"] == 0, "no call under way")
        killed = one.pid("worker-1")
        os.kill(killed, signal.SIGKILL)
        redis.delete(QUEUE)
    one.wait_restarted("worker-1", killed)
    report = assert_promises_kept(one, ids, refused=None)
    assert report.states == {"succeeded": 6}


@ON_ITS_OWN_PARTS
def test_a_ticket_is_delivered_five_times(system: Start) -> None:
    """8: it names no job, so four of them find none."""
    one = system(**SHORT)
    one.settings(latency={"median": 0.5, "sigma": 0})
    worker = one.pid("worker-1")
    os.kill(worker, signal.SIGSTOP)
    try:
        with Redis.from_url(one.run["redis"]) as redis:
            # One may go to the worker that sleeps, which waits at the queue.
            ids = submit(one, 3)
            wait_until(lambda: bool(redis.lrange(QUEUE, 0, -1)), "a ticket is on the queue")
            for ticket in redis.lrange(QUEUE, 0, -1):
                redis.lpush(QUEUE, *[ticket] * 4)
    finally:
        os.kill(worker, signal.SIGCONT)
    report = assert_promises_kept(one, ids)
    assert report.states == {"succeeded": 3}
    assert report.calls == 3
