"""Windows read from a ledger are those in which the sandbox's own limits judged."""

import random
from collections import Counter

import pytest

from benchmarks.rates.cells import KINDS, WindowKind
from benchmarks.rates.provider_windows import Call, Provider, Span, whole_windows
from sandbox.limits import FixedWindow, OutsideCalls, window_of

SECONDS, LIMIT, OUTSIDE, END = 6.0, 8, 30, 90.0


def _judged(
    kind: WindowKind, chance: random.Random, outside: int, late: float = 0.0
) -> tuple[list[Call], Counter[float], Counter[float]]:
    """A ledger of calls in bursts and silences; own and outside calls let in, by the window's start.

    `late`: by how much a call is judged later than it came, at most.
    """
    window, others = window_of(kind, SECONDS), OutsideCalls(outside, 0.0)
    calls: list[Call] = []
    own: Counter[float] = Counter()
    second: Counter[float] = Counter()

    def began(at: float) -> float:
        if isinstance(window, FixedWindow):
            return window._ends - SECONDS
        first = calls[0].at if calls else at
        return first + SECONDS * ((at - first) // SECONDS)

    now = judged_at = 0.5
    while now < END:
        judged_at = max(judged_at, now + chance.uniform(0, late))
        for moment in others.due(judged_at, SECONDS):
            let_in = window.admit(moment, LIMIT).admitted
            if calls or kind == "fixed":
                second[began(moment)] += let_in
        accepted = window.admit(judged_at, LIMIT).admitted
        calls.append(Call(now, accepted))
        own[began(judged_at)] += accepted
        now += chance.choice([0.003, 0.003, 0.1, 0.4, 0.4, 3.0])
    return calls, own, second


def _read(kind: WindowKind, calls: list[Call], outside: int = 0) -> list[Span]:
    provider = Provider(kind, SECONDS, [(0.0, LIMIT)], outside, 0.0)
    return whole_windows(calls, provider, calls[-1].at)


@pytest.mark.parametrize("outside", [0, OUTSIDE])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_each_window_lets_through_what_the_provider_let_through(
    kind: WindowKind, outside: int, seed: int
) -> None:
    calls, own, second = _judged(kind, random.Random(seed), outside)
    spans = _read(kind, calls, outside)
    assert len(spans) >= 10
    for span in spans:
        assert span.accepted == _near(own, span.began)
        assert span.outside == _near(second, span.began)
        assert span.accepted + span.outside <= LIMIT or kind == "sliding"


@pytest.mark.parametrize("seed", range(20))
def test_a_call_that_is_judged_later_than_it_came_moves_to_no_full_window(seed: int) -> None:
    calls, own, _ = _judged("fixed", random.Random(seed), 0, late=0.05)
    spans = _read("fixed", calls)
    assert max(span.accepted for span in spans) <= LIMIT
    assert max(own.values()) == LIMIT


def test_idle_windows_are_windows() -> None:
    calls = [Call(0.0, accepted=True), Call(20.0, accepted=True)]
    assert [one.accepted for one in _read("sliding", calls)] == [1, 0, 0]
    # The fourth begins with a call: until one comes there is none.
    assert [one.began for one in _read("fixed", [*calls, Call(26.5, accepted=True)])] == [
        *(0.0, 6.0, 12.0),
        20.0,
    ]


def test_a_window_in_which_the_limit_changed_is_of_no_phase() -> None:
    provider = Provider("sliding", SECONDS, [(0.0, LIMIT), (14.0, 2), (27.0, LIMIT)])
    calls = [Call(float(at), accepted=True) for at in range(48)]
    spans = whole_windows(calls, provider, 48.0)
    assert [one.began for one in provider.phase(spans, 0)] == [0.0, 6.0]
    assert [one.began for one in provider.phase(spans, 1)] == [18.0]
    assert [one.began for one in provider.phase(spans, -1)] == [30.0, 36.0, 42.0]
    assert {one.limit for one in provider.phase(spans, 1)} == {2}


def _near(found: Counter[float], began: float) -> int:
    """Sums of seconds differ in their last digits."""
    return sum(count for at, count in found.items() if abs(at - began) < 1e-6)
