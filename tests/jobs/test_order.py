from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jobs.order import next_turn, price_of_turn


def test_no_member_means_no_turn() -> None:
    assert next_turn(5, {}) is None


def test_the_least_pass_goes_first_and_a_stale_one_is_lifted() -> None:
    turn = next_turn(100, {"new": 0, "ahead": 120, "old": 101})
    assert turn is not None
    assert (turn.member, turn.at, turn.clock) == ("new", 100, 100)


def test_a_turn_is_never_free() -> None:
    assert price_of_turn(0, 1) == 1
    assert price_of_turn(5, 1000) == 1
    assert price_of_turn(90, 3) == 30


@given(
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    arrivals=st.lists(st.integers(0, 200), min_size=6, max_size=6),
)
def test_from_when_all_are_there_each_gets_its_share(
    weights: list[int], arrivals: list[int]
) -> None:
    """Whoever comes when: over the time that all are eligible, shares follow weights, give or take
    one turn for each member."""
    cost, clock, passes = 5040, 0, dict[str, int]()
    served: Counter[int] = Counter()
    last = max(arrivals[: len(weights)])
    rounds = sum(weights) * 20
    for step in range(last + rounds):
        for member, arrival in zip(range(len(weights)), arrivals, strict=False):
            if arrival == step:
                passes[str(member)] = 0
        turn = next_turn(clock, passes)
        if turn is None:
            continue
        clock = turn.clock
        passes[turn.member] = turn.at + price_of_turn(cost, weights[int(turn.member)])
        if step >= last:
            served[int(turn.member)] += 1
    for member, weight in enumerate(weights):
        assert abs(served[member] - weight * 20) <= len(weights) + weight
