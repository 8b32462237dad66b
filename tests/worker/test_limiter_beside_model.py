"""The limiter's script beside its model, through whatever comes: equal answers, equal memory.

And no window ever holds more calls than are believed to be allowed.
"""

import random
from collections import deque
from typing import cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from db.account_values import Account
from jobs.limiting import Ended, Limiting, Limits
from jobs.pace import JITTER, SECOND
from tests.worker.on_a_clock import START, on_a_clock, set_clock
from worker.limiter import Answered, Limiter

__all__ = ["on_a_clock"]
STEPS = 60
DEADLINE = 120 * SECOND
SHARES = st.sampled_from(["patient", "slow", "refusing", "failing"])


def _pair(redis: Redis, limit: int, *, auto: bool, at_once: int) -> tuple[Limiter, Limiting]:
    account = Account(
        uuid4(), "segmind", "default", limit, 60, None, None, None, limit_auto=auto
    )  # fmt: skip
    set_clock(redis, 0)
    script = Limiter(redis, account, at_once=at_once)
    assert script.rebuild([], 0, first=True)
    return script, Limiting.opened(Limits(limit, at_once=at_once, auto=auto), START * SECOND)


def _memory(redis: Redis, script: Limiter) -> dict[str, str]:
    found = cast("dict[bytes, bytes]", redis.hgetall(script._keys[0]))
    return {name.decode(): value.decode() for name, value in found.items()}


def _scores(redis: Redis, key: str) -> dict[str, int]:
    found = cast("list[tuple[bytes, float]]", redis.zrange(key, 0, -1, withscores=True))
    return {name.decode(): round(score) for name, score in found}


def _assert_equal(redis: Redis, script: Limiter, model: Limiting) -> None:
    found = _memory(redis, script)
    parts = (model, model.known, model.flights, model.breaker)
    for part in parts:
        for name, value in vars(part).items():
            if isinstance(value, int | str):
                assert found[name] == str(value), name
    assert _scores(redis, script._keys[1]) == model.calls.until
    assert _scores(redis, script._keys[2]) == model.flights.ends


def _story(redis: Redis, seed: int, limit: int, *, auto: bool, at_once: int, kind: str) -> None:
    script, model = _pair(redis, limit, auto=auto, at_once=at_once)
    chance = random.Random(seed)
    now = 0.0
    under_way: deque[str] = deque()
    weights = {
        "patient": (8, 1, 1, 1),
        "slow": (8, 1, 3, 1),
        "refusing": (4, 4, 1, 1),
        "failing": (2, 1, 6, 1),
    }[kind]
    answers = 0.2 if kind == "slow" else 0.7
    for step in range(STEPS):
        now += chance.choice([0, 0.01, 0.3, 1, 1, 3, 8, 20])
        set_clock(redis, now)
        at = round((START + now) * SECOND)
        names = [f"{step}-{n}" for n in range(chance.randint(0, 6))]
        answer = script.ask(names, holds=0)
        expected = model.ask(at, names, DEADLINE)
        assert [round(one * SECOND) for one in answer.opens] == list(expected.opens)
        assert round(answer.wait * SECOND) == expected.wait
        under_way += names[: len(expected.opens)]
        while under_way and chance.random() < answers:
            name = under_way.popleft()
            if chance.random() < 0.1:
                script.give_back(name)
                model.give_back(name)
                continue
            (how,) = chance.choices(["clean", "refused", "failed", "other"], weights)
            if how == "refused":
                pause, stated = chance.choice([0.05, 0.5, 7.0, 59.0, 90.0]), chance.random() < 0.7
                refusal = script.refused(name, pause, stated=stated)
                paused = model.refused(at, name, round(pause * SECOND), stated=stated)
                assert refusal is not None
                assert round(refusal.pause * SECOND) == paused
            else:
                arrived = round(chance.random() * JITTER)
                ended = Ended(how)
                script.answered(Answered(name, arrived / SECOND, ended))
                model.answered(at, name, arrived, ended, deadline=DEADLINE)
        _assert_equal(redis, script, model)


def _window_holds(seed: int, limit: int) -> None:
    """With a ceiling and never refused: at most so many in any window, whatever the delays."""
    model = Limiting.opened(Limits(limit), 0)
    chance = random.Random(seed)
    now, arrivals, told = 0, [], []
    for step in range(300):
        now += round(chance.choice([0, 0.01, 0.2, 1, 5, 30]) * SECOND)
        names = [f"{step}-{n}" for n in range(chance.randint(0, 9))]
        opens = model.ask(now, names, DEADLINE).opens
        for name, one in zip(names, opens, strict=False):
            # A permit is claimed with in its first second, sent within five, and on its way.
            sent = round(chance.choice([0, 0.05, 1, 5.9]) * SECOND)
            way = chance.randint(0, JITTER)
            arrivals.append(now + one + sent + way)
            told.append((name, sent + way + chance.randint(0, JITTER)))
        for name, arrived in chance.sample(told, len(told) // 2):
            model.answered(now, name, arrived, Ended.CLEAN, deadline=DEADLINE)
    arrivals.sort()
    for first, later in zip(arrivals, arrivals[limit:], strict=False):
        assert later - first >= 60 * SECOND


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    return 2_000 if request.config.getoption("--full") else 25


def test_the_script_does_what_the_model_does(on_a_clock: Redis, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(), st.integers(1, 120), st.booleans(), st.integers(1, 20), SHARES)
    def holds(seed: int, limit: int, auto: bool, at_once: int, kind: str) -> None:
        limit = min(limit, 60) if auto else limit
        _story(on_a_clock, seed, limit, auto=auto, at_once=at_once, kind=kind)

    holds()


def test_no_window_ever_holds_more_calls_than_are_believed(examples: int) -> None:
    @settings(max_examples=2 * examples, deadline=None, database=None)
    @given(st.integers(), st.integers(1, 60))
    def holds(seed: int, limit: int) -> None:
        _window_holds(seed, limit)

    holds()
