import random
import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, sampled_from

from sandbox.limits import AlignedWindow, FixedWindow, SlidingWindow
from tests.sandbox.sandbox_process import OTHER_KEY, SandboxProcess


def test_a_fixed_window_starts_at_the_first_call_after_the_last_ended() -> None:
    window = FixedWindow(60)
    asked = [(5, True), (64, True), (64.9, False), (65, True), (66, True), (124, False)]
    for now, admitted in [*asked, (300, True), (359, True), (359.9, False)]:
        assert window.admit(now, 2).admitted is admitted, now


def test_a_fixed_window_tells_its_end() -> None:
    window = FixedWindow(60)
    assert [window.admit(now, 1).resets_in for now in (10, 25, 69)] == [60, 45, 1]


def test_an_aligned_window_ends_at_the_round_moments_of_its_clock() -> None:
    window = AlignedWindow(60, ahead=20)
    asked = [(39, True), (39.5, False), (40, True), (99.9, False), (100, True), (230, True)]
    for now, admitted in asked:
        assert window.admit(now, 1).admitted is admitted, now
    assert [window.resets_in(now, 1) for now in (0, 39, 40, 250)] == [40, 1, 60, 30]


@settings(max_examples=300)
@given(
    now=floats(0, 1e6),
    ahead=floats(0, 2e9),
    seconds=sampled_from([0.1, 0.7, 3.0, 60.0, 86_400.0]),
)
def test_an_aligned_window_never_ends_at_once(now: float, ahead: float, seconds: float) -> None:
    resets_in = AlignedWindow(seconds, ahead).resets_in(now, 1)
    assert 0 < resets_in <= seconds * 1.001


def test_no_span_of_a_sliding_window_holds_more_than_its_limit() -> None:
    seeded = random.Random(3)
    window = SlidingWindow(10)
    now, admitted = 0.0, list[float]()
    for _ in range(2_000):
        now += seeded.expovariate(2)
        verdict = window.admit(now, 5)
        within = [one for one in admitted if one > now - 10]
        assert verdict.admitted is (len(within) < 5)
        assert verdict.resets_in > 0
        if verdict.admitted:
            admitted.append(now)
        else:
            assert now + verdict.resets_in == pytest.approx(within[-5] + 10)


def test_a_lowered_sliding_limit_tells_when_there_is_room_again() -> None:
    window = SlidingWindow(10)
    for now in (0, 1, 2, 3):
        assert window.admit(now, None).admitted
    verdict = window.admit(4, 2)
    assert not verdict.admitted
    assert 4 + verdict.resets_in == 12
    assert not window.admit(11.9, 2).admitted
    assert window.admit(12, 2).admitted


@pytest.mark.parametrize("kind", ["fixed", "aligned", "sliding"])
def test_calls_over_the_limit_are_429_until_the_stated_moment(
    sandbox: SandboxProcess,
    kind: str,
) -> None:
    sandbox.change(rpm=2, window=kind, window_seconds=0.7)
    for _ in range(50):
        answer = sandbox.call()
        if answer.status_code == 429:
            break
        assert answer.status_code == 200
    assert answer.status_code == 429
    assert set(answer.json()) == {"error"}
    assert "retry-after" not in answer.headers
    resets_at = datetime.fromisoformat(answer.headers["x-rate-limit-reset-at-utc"])
    assert resets_at.utcoffset() == timedelta(0)
    assert resets_at.timestamp() - time.time() <= 0.7
    time.sleep(max(0.0, resets_at.timestamp() - time.time()))
    assert sandbox.call().status_code == 200


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_only_accepted_calls_count_and_every_key_for_itself(
    sandbox: SandboxProcess,
    kind: str,
) -> None:
    sandbox.change(rpm=3, window=kind, window_seconds=1000)
    statuses = [sandbox.call(seed=seed).status_code for seed in (1, -2, 3, 4, 5)]
    assert statuses == [200, 406, 200, 429, 429]
    assert sandbox.call(key=OTHER_KEY).status_code == 200
    sandbox.change(rpm=4)
    assert [sandbox.call().status_code for _ in range(2)] == [200, 429]
    sandbox.change(rpm=None)
    assert sandbox.call().status_code == 200
    assert [row["status"] for row in sandbox.ledger()].count(429) == 3


def test_credits_are_read_without_a_limit(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=1, window_seconds=2000)
    assert sandbox.call().status_code == 200
    assert sandbox.credits() == sandbox.credits() == "99.994"
    assert sandbox.call().status_code == 429
