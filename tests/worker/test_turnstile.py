import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import uuid4

import pytest
from redis import Redis

from db.rows import Account
from jobs.money import Money
from worker.limiter import Limiter
from worker.turnstile import NoPermit, Permit, Turnstile


class Queue:
    """How many jobs wait, and whether the limiter asked to be reminded."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.reminded = 0

    def next_price(self) -> Money | None:
        return Money(60) if self.jobs else None


@pytest.fixture
def redis(valkey: str) -> Iterator[Redis]:
    with Redis.from_url(valkey) as connection:
        yield connection


def _turnstile(
    redis: Redis, queue: Queue, limit: int, stop: Event, *, known: bool = True
) -> Turnstile:
    limiter = Limiter(redis, Account(uuid4(), "segmind", "default", limit, 60, None, None, None))
    if known:
        limiter.rebuild([], 0, first=True)

    def remember() -> None:
        queue.reminded += 1
        limiter.rebuild([], 0)

    return Turnstile(limiter, queue.next_price, remember, stop)


def test_a_limiter_without_memory_is_reminded_and_then_grants(redis: Redis) -> None:
    queue = Queue(1)
    permit = _turnstile(redis, queue, 60, Event(), known=False).permit(time.monotonic() + 20)
    assert isinstance(permit, Permit)
    assert (permit.dearest, permit.lapsed, queue.reminded) == (60, False, 1)


def test_an_empty_queue_costs_no_permit(redis: Redis) -> None:
    queue = Queue(0)
    turnstile = _turnstile(redis, queue, 1, Event())
    assert turnstile.permit(time.monotonic() + 10) is NoPermit.NO_JOB
    queue.jobs = 1
    assert isinstance(turnstile.permit(time.monotonic() + 10), Permit)


def test_a_ticket_waits_no_longer_than_it_may_and_a_stop_ends_every_wait(redis: Redis) -> None:
    stop = Event()
    turnstile = _turnstile(redis, Queue(9), 1, stop)
    assert isinstance(turnstile.permit(time.monotonic() + 10), Permit)
    assert turnstile.permit(time.monotonic() + 0.1) is NoPermit.WAITED
    with ThreadPoolExecutor(5) as slots:
        waiting = [slots.submit(turnstile.permit, time.monotonic() + 60) for _ in range(5)]
        stop.set()
        assert {slot.result(timeout=10) for slot in waiting} == {NoPermit.STOPPING}


def test_without_redis_no_call_leaves() -> None:
    with Redis(port=1, socket_connect_timeout=1) as nobody:
        turnstile = _turnstile(nobody, Queue(1), 60, Event(), known=False)
        assert turnstile.permit(time.monotonic() + 0.1) is NoPermit.UNAVAILABLE


def test_slots_share_the_limit(redis: Redis) -> None:
    stop = Event()
    turnstile = _turnstile(redis, Queue(99), 20, stop)
    with ThreadPoolExecutor(6) as slots:
        asked = [slots.submit(turnstile.permit, time.monotonic() + 2.5) for _ in range(6)]
        got = [slot.result(timeout=20) for slot in asked]
    # A burst of two after the rest, then one in three seconds.
    assert sum(isinstance(found, Permit) for found in got) == 2
