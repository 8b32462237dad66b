"""Fixed and sliding windows of the sandbox, told apart by the resets that they state."""

import math

import pytest

from jobs.window_kind import Resets, WindowKind, seen
from sandbox.limits import WindowKind as Kind
from sandbox.limits import window_of

WINDOW = 60.0


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("rounded", [0.001, 1.0])
def test_each_is_known_after_three_windows_in_use(kind: Kind, rounded: float) -> None:
    provider, found = window_of(kind, WINDOW), Resets()
    now = 1_000.0
    while now < 1_000 + 4 * WINDOW:
        reset = now + provider.admit(now, 30).resets_in
        found = seen(found, math.ceil(reset / rounded) * rounded, now, WINDOW)
        now += 2.0
    assert found.kind == WindowKind(kind)


def test_one_answer_says_nothing_and_an_older_one_changes_nothing() -> None:
    found = seen(Resets(), 60.0, 0.0, WINDOW)
    assert found.kind is None
    assert seen(found, 30.0, 1.0, WINDOW) == found


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("at", [1_000.0, 1_030.0])
def test_one_absurd_reset_hides_none_of_the_later_ones(kind: Kind, at: float) -> None:
    provider, found = window_of(kind, WINDOW), Resets()
    now = 1_000.0
    while now < 1_000 + 4 * WINDOW:
        reset = now + provider.admit(now, 30).resets_in
        found = seen(found, reset + 86_400 if now == at else reset, now, WINDOW)
        now += 2.0
    assert found.kind == WindowKind(kind)
