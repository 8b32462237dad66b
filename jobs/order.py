"""Whose turn it is: stride scheduling, used twice, between tenants and between a tenant's groups.

Each member has a pass; the least goes first and pays `cost / weight` for its turn. The level's
clock is the pass of the last turn. Everyone who stays eligible has a pass of at least the clock,
so a pass below it belongs to someone who was away: it is lifted to the clock, and idling earns no
credit. Paying happens at claim and not at submit, so cancelled work leaves no debt, and a newcomer
does not take every call (Waldspurger and Weihl, "Stride Scheduling", MIT, 1995).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """`member` goes next, with its pass lifted to the clock; `clock` is the level's new one."""

    member: str
    at: int

    @property
    def clock(self) -> int:
        return self.at


def next_turn(clock: int, passes: Mapping[str, int]) -> Turn | None:
    """Choose among eligible members (a newcomer's pass is 0); None when there is none.

    Equal passes are settled by name, so that two processes choose alike.
    """
    if not passes:
        return None
    at, member = min((max(own, clock), member) for member, own in passes.items())
    return Turn(member, at)


def price_of_turn(cost: int, weight: int) -> int:
    """What a turn adds to a pass: at least 1, so that free work moves on too. `weight` ≥ 1."""
    return max(1, cost // weight)
