"""How well limits are kept to and learned: the figures of docs/limits.md, in simulated minutes."""

from itertools import pairwise

import pytest

from jobs.limiting import Limits
from sandbox.limits import WindowKind
from tests.jobs.simulated import WINDOW, Provider, Simulation, per_window

EIGHT = 8
KINDS = pytest.mark.parametrize("kind", ["fixed", "aligned", "sliding"])


def _auto() -> Limits:
    return Limits(60, auto=True)


@KINDS
@pytest.mark.parametrize(("rpm", "workers", "latency"), [(60, 8, 6), (300, 2, 3), (1000, 8, 3)])
def test_a_known_limit_is_used_whole_and_never_exceeded(
    rpm: int, workers: int, latency: float, kind: WindowKind
) -> None:
    found = Simulation(Limits(rpm), Provider(rpm, kind, latency=latency), workers=workers)
    found.run(EIGHT * WINDOW)
    assert found.refused == []
    # The burst of an account that has rested ends its first window in a silence; no other's.
    for since in (0.0, WINDOW + 17.3):
        assert min(per_window(found.accepted, EIGHT - 2, since)) >= rpm - 1
    later = [moment for moment in found.accepted if moment > 2 * WINDOW]
    rests = [after - before for before, after in pairwise(later)]
    assert max(rests) <= WINDOW / 40 + WINDOW / rpm + 0.2


def test_a_number_is_a_ceiling() -> None:
    found = Simulation(Limits(60), Provider(10_000, "fixed")).run(EIGHT * WINDOW)
    times = found.accepted
    assert max(per_window(times, EIGHT)) <= 60
    assert all(later - first >= WINDOW for first, later in zip(times, times[60:], strict=False))


@KINDS
@pytest.mark.parametrize("rpm", [60, 300, 1000])
def test_an_unknown_limit_is_found_out(rpm: int, kind: WindowKind) -> None:
    found = Simulation(_auto(), Provider(rpm, kind), workers=2).run(EIGHT * WINDOW)
    assert min(per_window(found.accepted, EIGHT)[2:]) >= 0.95 * rpm
    tried = len(found.accepted) + len(found.refused)
    assert 1000 * len(found.refused) <= 5 * tried


@KINDS
@pytest.mark.parametrize("rpm", [60, 300, 1000])
def test_another_client_of_the_key_leaves_us_nearly_all_of_the_rest(
    rpm: int, kind: WindowKind
) -> None:
    rest = rpm - rpm * 3 // 10
    for limits in (_auto(), Limits(rpm)):
        found = Simulation(limits, Provider(rpm, kind, outside=rpm * 3 // 10)).run(12 * WINDOW)
        assert min(per_window(found.accepted, 12)[3:]) >= 0.9 * rest
        assert max(per_window(found.refused, 12)[3:]) <= max(5, rest // 100)


@KINDS
@pytest.mark.parametrize(("drop", "rise"), [(150.0, 330.0), (275.0, 700.0)])
def test_a_limit_that_drops_is_obeyed_and_one_that_rises_is_used(
    drop: float, rise: float, kind: WindowKind
) -> None:
    for limits in (_auto(), Limits(120)):
        found = Simulation(limits, Provider(120, kind))
        found.at(drop, lambda _: setattr(found.provider, "limit", 5))  # noqa: B023  # runs in this round
        found.at(rise, lambda _: setattr(found.provider, "limit", 120))  # noqa: B023
        found.run(rise + EIGHT * WINDOW)
        low = int((rise - drop) // WINDOW)
        refused = per_window(found.refused, low, drop)
        assert refused[0] <= 6, "nothing leaves between a refusal and its reset"
        assert max(refused[1:]) <= 1, "obeyed within one window"
        used = per_window(found.accepted, EIGHT, rise)
        assert min(used[5:]) >= 0.95 * 120, used


@KINDS
def test_a_cap_on_calls_in_flight_is_told_from_a_limit(kind: WindowKind) -> None:
    """Twenty at once, 6 s each: 200 a window, though 300 are allowed."""
    found = Simulation(Limits(300), Provider(300, kind, cap=20, latency=6.0)).run(9 * WINDOW)
    assert min(per_window(found.accepted, 9)[2:]) >= 0.85 * 200
    assert sum(per_window(found.refused, 9)[1:]) <= 2


@pytest.mark.parametrize("burst", [1, 30])
@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_a_window_that_somebody_else_has_used_up_bounds_nothing_in_flight(
    kind: WindowKind, burst: int
) -> None:
    """As many at once as a burst has are needed, since a call takes 6 s."""
    limit = 10 * burst
    provider = Provider(300, kind, latency=6.0)
    for _ in range(300):
        provider.window.admit(0.0, 300)
    found = Simulation(Limits(limit), provider).run(EIGHT * WINDOW)
    assert len(found.refused) <= burst
    assert min(per_window(found.accepted, EIGHT)[3:]) >= 0.95 * limit


@KINDS
def test_without_stated_resets_the_limit_is_kept_all_the_same(kind: WindowKind) -> None:
    found = Simulation(_auto(), Provider(300, kind, states_resets=False)).run(EIGHT * WINDOW)
    assert min(per_window(found.accepted, EIGHT)[2:]) >= 0.9 * 300
    assert len(found.refused) <= 12


def test_demand_that_is_small_teaches_nothing() -> None:
    """One slot, 3 s a call: twenty a window, and the belief stays where it was."""
    found = Simulation(_auto(), Provider(10_000, "fixed"), slots=1).run(EIGHT * WINDOW)
    assert found.model.known.belief == 60
