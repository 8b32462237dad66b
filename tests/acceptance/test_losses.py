"""What dies or is lost under load: nothing is paid twice, nothing that was accepted is lost."""

import os
import signal
from collections.abc import Callable
from uuid import UUID

from redis import Redis

from db import receipts
from tests.faults.checker import assert_promises_kept
from tests.systems.jobs_at_work import (
    all_ended,
    states,
    submit,
    wait_for_states,
)
from tests.systems.processes import wait_until
from tests.systems.running_system import System

Start = Callable[..., System]


def test_a_flush_of_redis_under_load_loses_and_repeats_nothing(system: Start) -> None:
    one = system(SEGMIND_RPM="6000", SEGQ_SLOTS="50")
    one.settings(latency={"median": 6.0, "sigma": 0.02})
    ids = submit(one, 250)
    wait_for_states(one, running=50)
    assert states(one) == {"running": 50, "queued": 200}
    one.settings(latency={"median": 0.5, "sigma": 0.2})
    with Redis.from_url(one.run["redis"]) as redis:
        redis.flushall()
    assert {job.state for job in all_ended(one, ids)} == {"succeeded"}
    assert len(one.ledger()) == 250
    assert_promises_kept(one, ids)


def test_a_killed_workers_calls_are_found_and_never_made_a_second_time(system: Start) -> None:
    one = system(SEGMIND_RPM="6000", SEGQ_SLOTS="50", SEGMIND_TIMEOUT="6", SEGQ_LEASE_GRACE="2")
    one.settings(latency={"median": 2.0, "sigma": 0.2})
    ids = submit(one, 80)
    # Not all 50 slots: what ends is not replaced in the same moment, and the queue is short.
    wait_for_states(one, running=25, succeeded=3)
    killed = one.pid("worker-1")
    os.kill(killed, signal.SIGKILL)
    one.wait_restarted("worker-1", killed)
    # A call whose worker died between its image and its receipt is booked at its estimate first; a
    # minute later the history tells what it cost.
    believed = "SELECT count(*) AS n FROM attempts WHERE NOT cost_known"
    all_ended(one, ids)
    wait_until(lambda: one.sql(believed) == [{"n": 0}], "all costs are known", timeout=120)
    report = assert_promises_kept(one, ids)
    doubts = one.sql("SELECT doubt_ended AS ended FROM attempts WHERE in_doubt_at IS NOT NULL")
    assert [row for row in doubts if row["ended"] == "recovered"], doubts
    # Who was claimed and had not been sent is held: the history cannot tell so soon.
    assert report.states["succeeded"] == report.calls >= 75
    for job in (one.client.get(job_id) for job_id in ids):
        if job.state == "in_doubt":
            assert job.raw["error"]["kind"] == "worker_lost"
            assert "does not list the call" in job.raw["doubt"]["looked"]


def test_what_has_a_receipt_is_settled_though_its_worker_died(system: Start) -> None:
    """The database is held from the outside while images come in, then the worker is killed."""
    one = system(SEGMIND_RPM="6000", SEGMIND_TIMEOUT="6", SEGQ_LEASE_GRACE="2")
    one.settings(latency={"median": 1.0, "sigma": 0.1})
    ids = submit(one, 10)
    wait_for_states(one, running=10)

    def kept() -> int:
        store = one.artifacts
        return sum(len(receipts.read(store, key)) for key in receipts.pending(store))

    with one.attempts_held():
        wait_until(lambda: kept() == 10, "ten receipts wait for the database")
        os.kill(one.pid("worker-1"), signal.SIGKILL)
    assert {job.state for job in all_ended(one, ids)} == {"succeeded"}
    wait_until(lambda: kept() == 0, "receipts removed")
    assert_promises_kept(one, ids)


def test_upkeep_goes_on_while_every_slot_waits_for_a_permit(system: Start) -> None:
    one = system(SEGMIND_RPM="1", SEGQ_SLOTS="4", SEGMIND_TIMEOUT="1", SEGQ_LEASE_GRACE="1")
    one.settings(latency={"median": 0.1, "sigma": 0.1})
    submit(one, 12)
    wait_for_states(one, succeeded=1, queued=11)
    # From here on four slots hold tickets and there is no permit for a minute.
    with Redis.from_url(one.run["redis"]) as redis:
        wait_until(lambda: redis.llen("generate.sandbox") <= 11 - 4, "four tickets are held")
        held = redis.llen("generate.sandbox")
        redis.delete("generate.sandbox")
        wait_until(lambda: redis.llen("generate.sandbox") >= held, "topped up", timeout=5)
    (soon,) = submit(one, 1, run_at="2100-01-01T00:00:00Z")
    one.sql("UPDATE jobs SET run_at = created_at WHERE state = 'scheduled'")
    wait_until(lambda: one.client.get(soon).state == "queued", "moved when due", timeout=5)
    # An attempt whose lease has run out, as a dead worker leaves it.
    (victim,) = one.sql("SELECT id FROM jobs WHERE state = 'queued' LIMIT 1")
    one.sql("UPDATE jobs SET state = 'running', number = 1 WHERE id = :id", id=victim["id"])
    one.sql(
        "INSERT INTO attempts (id, job_id, number, account_id, seed, estimate, claimed_at, "
        "lease_until) SELECT :new, :id, 1, id, 5, 60000000, created_at, created_at FROM accounts",
        new=UUID(int=0),
        id=victim["id"],
    )
    wait_until(lambda: states(one)["in_doubt"] == 1, "swept", timeout=10)
    assert len(one.ledger()) == 1
