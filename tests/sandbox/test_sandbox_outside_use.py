import itertools

import pytest

from sandbox.limits import FixedWindow, OutsideCalls, SlidingWindow
from tests.sandbox.sandbox_process import KEY, OTHER_KEY, SandboxProcess, until


def test_outside_calls_come_evenly_from_the_moment_they_begin() -> None:
    outside = OutsideCalls(6, since=100)
    assert list(outside.due(99.9, 60)) == []
    assert list(outside.due(100, 60)) == [100]
    assert list(outside.due(139, 60)) == [110, 120, 130]
    assert list(outside.due(139.9, 60)) == []
    assert list(outside.due(140, 60)) == [140]


def test_nobody_else_makes_no_calls() -> None:
    assert list(OutsideCalls(0, since=0).due(1e9, 60)) == []


def test_after_a_long_silence_only_what_can_count_is_told() -> None:
    outside = OutsideCalls(6, since=0)
    late = list(outside.due(1_000_000, 60))
    assert late[-1] == 1_000_000
    assert 1_000_000 - 130 <= late[0] <= 1_000_000 - 110
    assert {two - one for one, two in itertools.pairwise(late)} == {10}


@pytest.mark.parametrize("kind", [FixedWindow, SlidingWindow])
@pytest.mark.parametrize("between", [0.5, 7, 50])
def test_a_window_has_what_the_others_leave(
    kind: type[FixedWindow | SlidingWindow], between: float
) -> None:
    window, outside = kind(60), OutsideCalls(30, since=0)
    now, admitted = 0.0, 0
    while now < 6_000:
        for moment in outside.due(now, 60):
            window.admit(moment, 50)
        admitted += window.admit(now, 50).admitted
        now += between
    most = min(6_000 / between, 20 * 100)
    # Where both want more than there is, it goes by who comes: at every half second, mostly us.
    assert admitted >= most * 0.98
    if between > 3:
        assert admitted == pytest.approx(most, rel=0.02)


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_somebody_else_uses_the_key(sandbox: SandboxProcess, window: str) -> None:
    # 600 a minute: the limit of three is used up in 0.3 s, without a call of ours.
    sandbox.change(rpm=3, window=window, window_seconds=1200, outside_rpm=600)
    until(lambda: sandbox.call().status_code == 429, seconds=2)
    assert [row["status"] for row in sandbox.ledger()].count(200) <= 3
    sandbox.change(outside_rpm=0, window_seconds=1300)
    assert [sandbox.call().status_code for _ in range(4)] == [200, 200, 200, 429]


def test_the_first_outside_call_comes_at_once_and_for_every_key(sandbox: SandboxProcess) -> None:
    sandbox.change(rpm=2, window_seconds=1400, outside_rpm=1)
    for key in (KEY, OTHER_KEY):
        assert [sandbox.call(key=key).status_code for _ in range(2)] == [200, 429]
    assert sandbox.credits() == "99.994"  # the others' calls are not on this bill
