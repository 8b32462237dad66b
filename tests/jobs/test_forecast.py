"""Positions beside a true simulation: turn by turn, with the order's own rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.forecast import (
    Before,
    Counted,
    Member,
    TenantQueue,
    before_in_pool,
    turns_of_others,
)
from jobs.money import Money
from jobs.order import next_turn, price_of_turn

OWN = "m"
NAMES = ("a", "c", "z")
"""Of others: names before and behind one's own, for equal passes are settled by name."""


@dataclass
class Waiting:
    """One tenant, or group, of the simulation: the costs of its jobs, the next one first."""

    weight: int
    passed: int
    costs: list[int]


def served(clock: int, members: Mapping[str, Waiting]) -> list[tuple[str, int]]:
    """Whose turn each was and what it cost, until nothing waits."""
    found = []
    left = {name: list(one.costs) for name, one in members.items()}
    passes = {name: one.passed for name, one in members.items() if one.costs}
    while (turn := next_turn(clock, passes)) is not None:
        clock = turn.clock
        cost = left[turn.member].pop(0)
        found.append((turn.member, cost))
        passes[turn.member] = turn.at + price_of_turn(cost, members[turn.member].weight)
        if not left[turn.member]:
            del passes[turn.member]
    return found


def before(order: list[tuple[str, int]], name: str, turns: int) -> tuple[int, int]:
    """Calls before the member's turn after `turns` of its own, and what they cost."""
    at = [n for n, (member, _) in enumerate(order) if member == name][turns]
    return at, sum(cost for _, cost in order[:at])


def member(name: str, one: Waiting, clock: int) -> Member:
    mean = Money(sum(one.costs) // len(one.costs)) if one.costs else Money(0)
    ahead = max(0, one.passed - clock)
    return Member(name, mean, len(one.costs), ahead=ahead, weight=one.weight)


def alike(most: int) -> st.SearchStrategy[Waiting]:
    """Somebody whose jobs all cost alike."""
    return st.builds(
        lambda weight, passed, cost, count: Waiting(weight, passed, [cost] * count),
        st.integers(1, 4),
        st.integers(0, 3_000),
        st.integers(0, 400),
        st.integers(0, most),
    )


LEVELS = st.dictionaries(st.sampled_from(NAMES), alike(30), max_size=3)


@given(mine=alike(20), others=LEVELS, clock=st.integers(0, 2_000))
def test_the_turns_of_others_are_exact_where_calls_cost_alike(
    mine: Waiting, others: dict[str, Waiting], clock: int
) -> None:
    order = served(clock, {**others, OWN: mine})
    for turns in range(len(mine.costs)):
        calls, cost = before(order, OWN, turns)
        found = turns_of_others(
            member(OWN, mine, clock), turns, [member(n, o, clock) for n, o in others.items()]
        )
        assert (turns + found.calls, turns * mine.costs[0] + found.cost) == (calls, cost)
        assert found.counted is Counted.ALL


@given(
    mine=alike(8),
    groups=LEVELS,
    high=LEVELS,
    clock=st.integers(0, 2_000),
    tenants=LEVELS,
    weight=st.integers(1, 4),
    cost=st.integers(1, 400),
)
def test_a_tenants_own_order_is_exact_and_so_is_its_place_among_all(
    mine: Waiting,
    groups: dict[str, Waiting],
    high: dict[str, Waiting],
    clock: int,
    tenants: dict[str, Waiting],
    weight: int,
    cost: int,
) -> None:
    """One cost for all of its own jobs here: groups of other costs are only nearly even steps."""
    of_one_price = {n: Waiting(1, o.passed, [cost] * len(o.costs)) for n, o in groups.items()}
    mine = Waiting(1, mine.passed, [cost] * len(mine.costs))
    first = [
        name
        for name, _ in served(
            clock, {n: replace(o, costs=[cost] * len(o.costs)) for n, o in high.items()}
        )
    ]
    own = first + [name for name, _ in served(clock, {**of_one_price, OWN: mine})]
    in_pool = served(clock, {**tenants, OWN: Waiting(weight, 0, [cost] * len(own))})
    queue = TenantQueue(
        {
            0: {n: replace(member(n, o, clock), cost=Money(cost)) for n, o in high.items()},
            1: {n: member(n, o, clock) for n, o in {**of_one_price, OWN: mine}.items()},
        }
    )
    others = [member(name, one, clock) for name, one in tenants.items()]
    tenant = Member(OWN, Money(cost), len(own), weight=weight)
    places = [n for n, name in enumerate(own[len(first) :], len(first)) if name == OWN]
    for index, turns in enumerate(places):
        found = before_in_pool(tenant, queue.before(1, OWN, index), others)
        assert (found.calls, found.cost) == before(in_pool, OWN, turns)


@settings(deadline=None, max_examples=30)
@given(
    chance=st.randoms(use_true_random=False),
    weights=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    at=st.integers(50, 299),
)
def test_where_costs_differ_it_is_within_a_few_percent(
    chance: object, weights: list[int], at: int
) -> None:
    draw = chance.choice  # type: ignore[attr-defined]  # a random.Random
    names = (OWN, *NAMES)
    members = {
        name: Waiting(weight, 0, [60 * draw((1, 1, 2, 4)) for _ in range(300)])
        for name, weight in zip(names, weights, strict=False)
    }
    mine = members[OWN]
    calls, _ = before(served(0, members), OWN, at)
    own = Before(at, Money(sum(mine.costs[:at])))
    others = [member(name, one, 0) for name, one in members.items() if name != OWN]
    found = before_in_pool(member(OWN, mine, 0), own, others)
    # Each tenant's costs up to then are summed up at their mean: a walk, whose spread shrinks.
    assert found.calls == pytest.approx(calls, rel=0.05, abs=6 * len(weights))


@given(
    mine=alike(20),
    others=LEVELS,
    more=st.integers(1, 50),
    turns=st.integers(0, 40),
    who=st.sampled_from(NAMES),
)
def test_more_ahead_never_brings_it_nearer(
    mine: Waiting, others: dict[str, Waiting], more: int, turns: int, who: str
) -> None:
    me = member(OWN, mine, 0)
    now = [member(name, one, 0) for name, one in others.items()]
    then = [replace(one, queued=one.queued + (more if one.name == who else 0)) for one in now]
    assert turns_of_others(me, turns, then).calls >= turns_of_others(me, turns, now).calls
    assert turns_of_others(me, turns + 1, now).calls >= turns_of_others(me, turns, now).calls


def test_who_was_not_counted_to_the_end_is_taken_to_go_on() -> None:
    me = Member(OWN, Money(10), 1_000)
    other = Member("z", Money(10), 5, more=True)
    few, many = turns_of_others(me, 5, [other]), turns_of_others(me, 50, [other])
    assert (few.calls, few.counted) == (5, Counted.ALL)
    assert (many.calls, many.counted) == (50, Counted.SHARES)


def test_more_of_ones_own_than_was_counted_makes_it_a_least() -> None:
    high = Member("", Money(10), 7, more=True)
    queue = TenantQueue({0: {"": high}})
    assert queue.before(1, "", 0) == Before(7, Money(70), Counted.SOME)
    assert TenantQueue().before(1, "", 9, all_counted=False).counted is Counted.SOME
    shares = Before(counted=Counted.SHARES)
    assert (shares + queue.before(1, "", 0)).counted is Counted.SOME


def test_jobs_to_come_stand_behind_those_that_are_there() -> None:
    queue = TenantQueue({1: {"": Member("", Money(10), 4, ahead=5)}})
    more = queue.with_more(1, "", 6, Money(120)).with_more(0, "new", 2, Money(40))
    assert more.size(1, "") == Member("", Money(16), 10, ahead=5)
    assert more.before(1, "", 9).calls == 11
    assert queue.before(1, "", 3).calls == 3
