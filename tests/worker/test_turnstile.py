import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID, uuid4

import pytest
from redis import Redis

from db.account_limits import AccountLimits
from db.accounts import AccountStore
from db.engine import Database
from db.jobs import JobStore
from db.rows import Claim, Held, NewJob, Terms
from db.runs import RunStore
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.errors import Unavailable
from jobs.money import Money
from tests.db.conftest import LEASE
from upstream import Endpoints, Segmind
from worker.limiter import Limiter
from worker.taken import NoJob, Taken
from worker.telling import Telling
from worker.turnstile import Turnstile
from worker.upstream_accounts import UpstreamAccount


class Gate:
    """A turnstile before a real queue, and what it was told."""

    def __init__(self, redis: Redis, database: Database, limit: int, *, known: bool = True) -> None:
        self._jobs = JobStore(database)
        self._tenant = TenantStore(database).ensure("default")
        account = AccountStore(database).ensure(
            "segmind", str(uuid4()), call_limit=limit, window_seconds=60
        )
        runs = RunStore(database)
        nobody = Endpoints.from_base_url("http://127.0.0.1:1")
        segmind = Segmind("a-key", nobody, connections=1, deadline=1)
        self.limiter = Limiter(redis, account)
        telling = Telling(self.limiter, AccountLimits(database))
        self.account = UpstreamAccount(segmind, self.limiter, telling)
        self.stop = Event()
        self.reminded = 0
        self.held: list[Held] = []
        self.claims: list[int] = []
        if known:
            self.limiter.rebuild([], 0, first=True)

        def claim(one: UpstreamAccount, count: int) -> list[Claim] | Held:
            self.claims.append(count)
            return runs.claim("segmind", one.id, terms=Terms(LEASE), count=count)

        def remember(one: UpstreamAccount) -> None:
            self.reminded += 1
            one.limiter.rebuild([], 0)

        def held(one: UpstreamAccount, found: Held) -> None:
            self.held.append(found)
            one.limiter.pause(1)

        def jobs_wait() -> bool:
            return self._jobs.waiting("segmind", 1) > 0

        accounts = [self.account]
        self.turnstile = Turnstile(lambda: accounts, claim, held, remember, jobs_wait, self.stop)

    def queue(self, count: int) -> list[UUID]:
        one = NewJob(self._tenant, "segmind", "ssd-canny", {"seed": -1}, Money(60))
        return [self._jobs.add(one).id for _ in range(count)]

    def ask(self, seconds: float) -> Taken | NoJob:
        return self.turnstile.pass_through(time.monotonic() + seconds)

    def granted(self) -> int:
        """Permits that count now."""
        return int(self.limiter._script.registered_client.zcard(self.limiter._keys[1]))


Gates = Callable[..., Gate]


@pytest.fixture
def redis(valkey: str) -> Iterator[Redis]:
    with Redis.from_url(valkey) as connection:
        yield connection


@pytest.fixture
def gate(redis: Redis, database: Database) -> Gates:
    def one(limit: int, jobs: int = 0, *, known: bool = True) -> Gate:
        made = Gate(redis, database, limit, known=known)
        made.queue(jobs)
        return made

    return one


def test_a_limiter_without_memory_is_reminded_and_then_grants(gate: Gates) -> None:
    one = gate(60, 1, known=False)
    found = one.ask(20)
    assert isinstance(found, Taken)
    assert one.reminded == 1
    assert found.opened_at <= found.not_before <= time.monotonic()


def test_an_empty_queue_costs_no_permit(gate: Gates) -> None:
    one = gate(1)
    assert one.ask(10) is NoJob.NO_JOB
    assert one.granted() == 0
    one.queue(1)
    assert isinstance(one.ask(10), Taken)


def test_a_ticket_waits_no_longer_than_it_may_and_a_stop_ends_every_wait(gate: Gates) -> None:
    one = gate(1, 9)
    assert isinstance(one.ask(10), Taken)
    assert one.ask(0.1) is NoJob.WAITED
    with ThreadPoolExecutor(5) as slots:
        waiting = [slots.submit(one.ask, 60) for _ in range(5)]
        one.stop.set()
        assert {slot.result(timeout=10) for slot in waiting} == {NoJob.STOPPING}


def test_a_time_that_is_over_is_good_for_one_try(gate: Gates) -> None:
    one = gate(1, 9)
    assert isinstance(one.ask(-1), Taken)
    assert one.ask(-1) is NoJob.WAITED


def test_who_comes_while_another_is_served_has_its_try_too(gate: Gates) -> None:
    one = gate(6_000, 5)
    claiming, go = Event(), Event()
    real = one.turnstile._claim

    def claim(account: UpstreamAccount, count: int) -> object:
        claiming.set()
        assert go.wait(20)
        return real(account, count)

    one.turnstile._claim = claim  # type: ignore[assignment]
    with ThreadPoolExecutor(5) as slots:
        first = slots.submit(one.ask, 20)
        assert claiming.wait(20)
        others = [slots.submit(one.ask, 0) for _ in range(4)]
        while len(one.turnstile._waiting) < 5:
            time.sleep(0.001)
        go.set()
        got = [slot.result(timeout=20) for slot in (first, *others)]
    assert all(isinstance(found, Taken) for found in got), got


def test_without_redis_no_call_leaves(database: Database) -> None:
    with Redis(port=1, socket_connect_timeout=1) as nobody:
        one = Gate(nobody, database, 60, known=False)
        one.queue(1)
        assert one.ask(0.1) is NoJob.UNAVAILABLE
    assert one.claims == []


def test_slots_share_the_limit(gate: Gates) -> None:
    one = gate(20, 99)
    with ThreadPoolExecutor(6) as slots:
        got = [slot.result(timeout=20) for slot in [slots.submit(one.ask, 2.5) for _ in range(6)]]
    # A burst of two after the rest, then one in three seconds.
    assert sum(isinstance(found, Taken) for found in got) == 2


def test_who_waits_together_is_served_together_and_each_gets_a_job_of_its_own(gate: Gates) -> None:
    one = gate(6_000)
    jobs = one.queue(30)
    with ThreadPoolExecutor(40) as slots:
        got = [slot.result(timeout=20) for slot in [slots.submit(one.ask, 20) for _ in range(40)]]
    taken = [found for found in got if isinstance(found, Taken)]
    assert sorted(found.claim.job.id for found in taken) == sorted(jobs)
    assert len({found.permit for found in taken}) == 30
    assert got.count(NoJob.NO_JOB) == 10
    assert len(one.claims) < 40
    assert one.granted() == 30


def test_what_holds_the_account_back_is_told_and_costs_no_permit(
    gate: Gates, database: Database
) -> None:
    one = gate(60, 3)
    AccountStore(database).pause(one.account.id, Pause(PauseReason.CREDITS, None))
    assert one.ask(0.2) is NoJob.WAITED
    assert [held.pause.reason for held in one.held] == [PauseReason.CREDITS]
    assert one.granted() == 0


@pytest.mark.parametrize("error", [Unavailable("SQL is away"), RuntimeError("ours")])
def test_a_claim_that_fails_costs_no_permit_and_keeps_nobody(gate: Gates, error: Exception) -> None:
    one = gate(6_000, 8)
    real = one.turnstile._claim

    def claim(account: UpstreamAccount, count: int) -> object:
        if not failed:
            failed.append(count)
            raise error
        return real(account, count)

    failed: list[int] = []
    one.turnstile._claim = claim  # type: ignore[assignment]
    with ThreadPoolExecutor(8) as slots:
        asked = [slots.submit(one.ask, 20) for _ in range(8)]
        answers = [slot.exception(timeout=20) or slot.result() for slot in asked]
    served = sum(isinstance(found, Taken) for found in answers)
    assert served >= 8 - failed[0]
    assert set(map(repr, answers)) - {repr(one) for one in answers if isinstance(one, Taken)} <= {
        repr(error),
        repr(NoJob.UNAVAILABLE),
    }
    assert one.granted() == served
