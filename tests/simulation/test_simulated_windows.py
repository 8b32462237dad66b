"""The simulated provider counts as the sandbox does: both judge the same calls."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.simulation.scenario import WindowKind
from cli.simulation.windows import Outside, window_of
from sandbox.limits import OutsideCalls
from sandbox.limits import WindowKind as WindowKindThere
from sandbox.limits import window_of as sandbox_window_of

TICK = 15_625
"""µs, a 64th of a second: a time of so many ticks is exact in the sandbox's seconds, too."""
CALLS = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from([1, 2, 3, 3, 3, 5])), min_size=1, max_size=80
)
PER_MINUTE = st.sampled_from([0, 15, 30, 60, 120, 240])


@pytest.mark.parametrize("kind", ["fixed", "aligned", "sliding"])
@given(calls=CALLS, span=st.integers(1, 640), per_minute=PER_MINUTE)
@settings(max_examples=150, deadline=None)
def test_they_judge_alike(
    kind: WindowKindThere, calls: list[tuple[int, int]], span: int, per_minute: int
) -> None:
    ours = window_of(WindowKind(kind), span * TICK)
    theirs = sandbox_window_of(kind, span / 64)
    our_outside, their_outside = Outside(per_minute, 0), OutsideCalls(per_minute, 0.0)
    now = 0
    for gap, most in calls:
        # Of a silence of more than two windows the sandbox tells the end only.
        now += min(gap, 2 * span)
        for at in our_outside.due(now * TICK):
            ours.admit(at, most)
        for moment in their_outside.due(now / 64, span / 64):
            theirs.admit(moment, most)
        found, expected = ours.admit(now * TICK, most), theirs.admit(now / 64, most)
        assert found.admitted is expected.admitted
        assert found.resets_in == expected.resets_in * 1_000_000
        assert ours.resets_in(now * TICK, most) == theirs.resets_in(now / 64, most) * 1_000_000


@given(gaps=st.lists(st.integers(0, 400), min_size=1, max_size=100))
def test_an_aligned_window_ends_on_the_clock(gaps: list[int]) -> None:
    window, now, taken = window_of(WindowKind.ALIGNED, 1_000), 0, dict[int, int]()
    for gap in gaps:
        now += gap
        verdict = window.admit(now, 3)
        before = taken.get(now // 1_000, 0)
        assert verdict.admitted is (before < 3)
        assert (now + verdict.resets_in) % 1_000 == 0
        taken[now // 1_000] = before + verdict.admitted
