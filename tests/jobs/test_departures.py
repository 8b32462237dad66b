import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.departures import Flow, Slots, leaves_in, pace, per_second

PLENTY = Slots(10_000, 10_000, 1.0)
FLOWS = st.lists(
    st.builds(Flow, st.floats(0.05, 50), st.integers(0, 100), st.floats(0, 500)),
    min_size=1,
    max_size=4,
)
SLOTS = st.builds(Slots, st.integers(1, 500), st.integers(0, 500), st.floats(0.1, 60))


def test_a_burst_leaves_at_once_and_the_rest_at_the_pace() -> None:
    flow = Flow(1.0, at_once=6)
    assert leaves_in(6, [flow], PLENTY) == 0
    assert leaves_in(30, [flow], PLENTY) == 24


def test_two_accounts_are_twice_as_fast_and_one_that_pauses_helps_later() -> None:
    one = Flow(1.0)
    assert leaves_in(30, [one, one], PLENTY) == 15
    assert leaves_in(30, [Flow(1.0, opens=20), one], PLENTY) == 25
    assert leaves_in(10, [Flow(1.0, opens=20), one], PLENTY) == 10
    assert leaves_in(24, [Flow(1.0, at_once=6, opens=20), one], PLENTY) == 20


def test_few_slots_are_a_bound_of_their_own() -> None:
    flow, slots = Flow(10.0), Slots(4, 3, 6.0)
    assert leaves_in(3, [flow], slots) == pytest.approx(0.3)
    assert leaves_in(11, [flow], slots) == pytest.approx(12)
    assert pace([flow], slots) == pytest.approx(4 / 6)
    assert pace([flow], PLENTY) == 10


def test_the_pace_of_a_limit_counts_the_way_to_the_provider() -> None:
    assert per_second(60, 60) == pytest.approx(60 / 60.25)


@given(flows=FLOWS, slots=SLOTS, nth=st.integers(1, 10_000))
def test_never_before_a_pause_ends_and_never_before_the_call_before_it(
    flows: list[Flow], slots: Slots, nth: int
) -> None:
    at = leaves_in(nth, flows, slots)
    assert at >= min(flow.opens for flow in flows)
    assert leaves_in(nth + 1, flows, slots) >= at - 1e-9
    assert leaves_in(nth, [*flows, Flow(1.0)], slots) <= at + 1e-9


@given(flows=FLOWS, nth=st.integers(1, 2_000))
def test_so_many_calls_are_allowed_just_then(flows: list[Flow], nth: int) -> None:
    """Counted up at that moment, account by account."""
    at = leaves_in(nth, flows, PLENTY)

    def gone(moment: float) -> float:
        return sum(
            flow.at_once + flow.per_second * (moment - flow.opens)
            for flow in flows
            if flow.opens <= moment
        )

    assert gone(at + 1e-6) >= nth - 1e-3
    if at > min(flow.opens for flow in flows):
        assert gone(at - 1e-6) <= nth + 1e-3
