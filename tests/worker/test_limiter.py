from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from db.rows import Account, RecentCall
from jobs import pace
from jobs.errors import Unavailable
from jobs.pace import SECOND, Allowance, Pace
from tests.worker.pace_cases import CASES, Ask, Case, GiveBack, Pause, Resume, Sent
from worker import limiter as limiter_module
from worker.limiter import Limiter

CLOCK = "test:clock"


def _account(limit: int) -> Account:
    return Account(uuid4(), "segmind", "default", limit, 60, None, None, None)


def _names() -> Iterator[str]:
    yield from "abcdefghijklmnop"


@pytest.fixture
def redis(valkey: str) -> Iterator[Redis]:
    with Redis.from_url(valkey) as connection:
        yield connection


@pytest.fixture
def on_a_clock(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Redis:
    """The script as it is, but for where it reads the time."""
    script = limiter_module._SCRIPT
    told = script.replace("redis.call('TIME')", f"redis.call('LRANGE', '{CLOCK}', 0, 1)")
    assert told != script
    monkeypatch.setattr(limiter_module, "_SCRIPT", told)
    _set_clock(redis, 0)
    return redis


def _set_clock(redis: Redis, second: float) -> None:
    microseconds = round((1_000_000 + second) * SECOND)
    redis.delete(CLOCK)
    redis.rpush(CLOCK, *divmod(microseconds, SECOND))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_keeps_to_the_cases(case: Case) -> None:
    allowance, now, state = Allowance(case.limit), 0, Pace()
    names = _names()
    for step in case.steps:
        match step:
            case Ask(at, granted, wait):
                now = round(at * SECOND)
                state, answer = pace.ask(state, allowance, now, [next(names)])
                assert (answer.granted == 1) is granted, step
                assert wait is None or answer.wait == pytest.approx(wait * SECOND), step
            case Sent(permit, after):
                state = pace.sent(state, permit, round(after * SECOND))
            case GiveBack(permit):
                state = pace.give_back(state, allowance, permit)
            case Pause(at, seconds):
                state = pace.pause(state, round((at + seconds) * SECOND))
            case Resume():
                state = replace(state, paused_until=0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_script_keeps_to_the_cases(case: Case, on_a_clock: Redis) -> None:
    limiter, names = Limiter(on_a_clock, _account(case.limit)), _names()
    assert limiter.look().rebuild
    assert limiter.rebuild([], 0, first=True)
    for step in case.steps:
        match step:
            case Ask(at, granted, wait):
                _set_clock(on_a_clock, at)
                answer = limiter.ask([next(names)], holds=1)
                assert (answer.granted == 1) is granted, step
                assert wait is None or answer.wait == pytest.approx(wait), step
            case Sent(permit, after):
                limiter.sent((permit, after))
            case GiveBack(permit):
                limiter.give_back(permit)
            case Pause(at, seconds):
                _set_clock(on_a_clock, at)
                limiter.pause(seconds)
            case Resume():
                limiter.resume()


@settings(max_examples=300, deadline=None)
@given(
    limit=st.integers(1, 40),
    steps=st.lists(st.tuples(st.floats(0, 30), st.floats(0, 6)), max_size=120),
)
def test_no_window_ever_holds_more_calls_than_the_limit(
    limit: int, steps: list[tuple[float, float]]
) -> None:
    """Whatever the pauses between questions and the delays before sending: both windows hold."""
    allowance, state, now = Allowance(limit), Pace(), 0
    left: list[int] = []
    for index, (rest, delay) in enumerate(steps):
        now += round(rest * SECOND)
        state, answer = pace.ask(state, allowance, now, [str(index)])
        if answer.granted:
            left.append(now + round(delay * SECOND))
            state = pace.sent(state, str(index), round(delay * SECOND))
    left.sort()
    for first, call in enumerate(left):
        assert sum(other < call + allowance.window for other in left[first:]) <= limit


def test_a_limiter_without_memory_grants_nothing_until_it_has_been_told(
    on_a_clock: Redis,
) -> None:
    limiter = Limiter(on_a_clock, _account(2))
    first = limiter.ask(["a"], holds=0)
    assert (first.granted, first.rebuild, first.wait) == (False, True, 6.0)
    _set_clock(on_a_clock, 5.9)
    assert not limiter.rebuild([], 0), "too early: a call may still leave that SQL does not know"
    _set_clock(on_a_clock, 6)
    assert limiter.ask(["a"], holds=0).rebuild
    assert limiter.rebuild([RecentCall(uuid4(), 20), RecentCall(uuid4(), 10)], 5)
    assert not limiter.rebuild([], 0), "somebody else was first"
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(46.25)
    _set_clock(on_a_clock, 6 + 46.25)
    assert limiter.ask(["a"], holds=0).granted


def test_a_flush_forgets_neither_calls_nor_the_pause(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    assert limiter.rebuild([], 0, first=True)
    assert limiter.ask(["a"], holds=0).granted
    on_a_clock.flushall()
    _set_clock(on_a_clock, 3)
    assert limiter.ask(["b"], holds=0).rebuild
    _set_clock(on_a_clock, 9)
    assert limiter.rebuild([], 40)
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(40)


def test_a_clock_that_was_set_back_stops_nothing_for_long(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    limiter.rebuild([], 0, first=True)
    assert limiter.ask(["a"], holds=0).granted
    limiter.pause(100)
    _set_clock(on_a_clock, -3600)
    answer = limiter.ask(["b"], holds=0)
    assert (answer.rebuild, answer.wait) == (True, 6.0)
    _set_clock(on_a_clock, -3594)
    assert limiter.rebuild([], 0)
    assert limiter.ask(["b"], holds=0).granted


def test_a_resume_leaves_a_rate_limit_standing(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(60))
    limiter.rebuild([], 0, first=True)
    limiter.pause(100)
    limiter.resume(limited_for=40)
    assert limiter.ask(["a"], holds=0).wait == pytest.approx(40)
    limiter.resume()
    assert limiter.ask(["a"], holds=0).granted


def test_tickets_that_are_held_are_counted_while_someone_asks(on_a_clock: Redis) -> None:
    one, other = Limiter(on_a_clock, _account(60)), Limiter(on_a_clock, _account(60))
    one.ask("a", holds=5)
    other.ask(["b"], holds=2)
    assert one.holds() == 7
    _set_clock(on_a_clock, 2)
    other.ask(["c"], holds=1)
    assert one.holds() == 6
    _set_clock(on_a_clock, 4)
    assert one.holds() == 1


def test_redis_away_means_no_permit() -> None:
    with Redis(port=1, socket_connect_timeout=1) as nobody:
        limiter = Limiter(nobody, _account(60))
        with pytest.raises(Unavailable, match="Redis does not answer"):
            limiter.ask(["a"], holds=0)


def test_several_permits_are_granted_as_if_asked_for_one_by_one(on_a_clock: Redis) -> None:
    limiter = Limiter(on_a_clock, _account(30))  # three at once after a rest, then one in 2 s
    assert limiter.rebuild([], 0, first=True)
    answer = limiter.ask(["a", "b", "c", "d", "e"], holds=5)
    assert answer.granted == 3
    assert answer.wait == pytest.approx(2)
    limiter.give_back("a", "b")
    assert limiter.ask(["f", "g", "h"], holds=3).granted == 2
    # Told together, each counts for a window from when it was sent, and a little more.
    limiter.sent(("c", 2.0), ("f", 0.0), ("g", 5.0), ("unknown", 0.0))
    for permit, until in {"c": 62.25, "f": 60.25, "g": 65.25}.items():
        counts = on_a_clock.zscore(limiter._keys[1], permit)
        assert isinstance(counts, float)
        assert counts / SECOND - 1_000_000 == until
