"""How many calls go before a queued job's own, as long as nobody else comes.

On each level of the order (a pool's tenants, then the groups of a tenant's priority) the least pass
goes first and pays for its turn (`jobs/order.py`). Where a member's turns cost alike, its passes are
even steps from where it stands now, and the order is all members' steps merged: so turns are counted
by a division, however many there are. Where they do not, the mean cost stands for each of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from jobs.money import ZERO, Money
from jobs.order import price_of_turn


class Counted(IntEnum):
    """How far the calls that go before a job were counted; the greater is the less known."""

    ALL = 0
    SHARES = 1
    """Others have more queued than was counted, and are taken to go on with their share: no more
    than those go before it."""
    SOME = 2
    """More of the tenant's own go before it than were counted: at least those."""


@dataclass(frozen=True)
class Member:
    """Who takes turns on a level: a tenant, or a group. `cost` is the mean of its jobs' calls."""

    name: str
    cost: Money
    queued: int
    more: bool = False
    """Whether more may be queued than were counted."""
    ahead: int = 0
    """How far its pass is beyond the level's clock; a pass behind the clock is lifted to it."""
    weight: int = 1

    @property
    def price(self) -> int:
        """What a turn adds to its pass, on the average."""
        return price_of_turn(self.cost, self.weight)


@dataclass(frozen=True)
class Before:
    """The calls that go before a job's own, and what they cost at the most."""

    calls: int = 0
    cost: Money = ZERO
    counted: Counted = Counted.ALL

    def __add__(self, more: "Before") -> "Before":
        return Before(
            self.calls + more.calls,
            Money(self.cost + more.cost),
            max(self.counted, more.counted),
        )


def turns_of_others(mine: Member, turns: int, others: Iterable[Member]) -> Before:
    """What `others` do before the turn that `mine` has after `turns` (≥ 0) of its own."""
    at = mine.ahead + turns * mine.price
    found = Before()
    for other in others:
        wanted = _turns_until(other, at, first=other.name < mine.name)
        calls = wanted if other.more else min(wanted, other.queued)
        counted = Counted.SHARES if calls > other.queued else Counted.ALL
        found += Before(calls, Money(calls * other.cost), counted)
    return found


def _turns_until(member: Member, at: int, *, first: bool) -> int:
    """Turns at passes below `at`; `first`: and at it, since equal passes are settled by name."""
    distance = at - member.ahead
    if distance < 0:
        return 0
    return -(-(distance + first) // member.price)


@dataclass(frozen=True)
class TenantQueue:
    """A tenant's queued jobs: the groups of each priority (its rank), by their names."""

    priorities: Mapping[int, Mapping[str, Member]] = field(default_factory=dict)

    @property
    def cost(self) -> Money:
        """Of the next calls of all that is queued, as far as it is counted."""
        sizes = [one for groups in self.priorities.values() for one in groups.values()]
        return Money(sum(one.queued * one.cost for one in sizes))

    def before(self, rank: int, group: str, index: int, *, all_counted: bool = True) -> Before:
        """What goes before the group's job that has `index` older ones of its group and priority.

        `all_counted`: whether `index` says all of them, and not only how many were counted.
        """
        found = Before(counted=Counted.ALL if all_counted else Counted.SOME)
        for higher in (
            one for at, groups in self.priorities.items() if at < rank for one in groups.values()
        ):
            counted = Counted.SOME if higher.more else Counted.ALL
            found += Before(higher.queued, Money(higher.queued * higher.cost), counted)
        groups = self.priorities.get(rank, {})
        mine = groups.get(group) or Member(group, ZERO, 0)
        others = [one for name, one in groups.items() if name != group]
        found += Before(index, Money(index * mine.cost))
        return found + turns_of_others(mine, index, others)

    def size(self, rank: int, group: str) -> Member:
        """The group's jobs of this priority, perhaps none."""
        return self.priorities.get(rank, {}).get(group) or Member(group, ZERO, 0)

    def with_more(self, rank: int, group: str, count: int, cost: Money) -> "TenantQueue":
        """As it would be with `count` (≥ 1) jobs more, which cost `cost` in all."""
        had = self.size(rank, group)
        queued = had.queued + count
        mean = Money((had.queued * had.cost + cost) // queued)
        groups = {**self.priorities.get(rank, {}), group: replace(had, queued=queued, cost=mean)}
        return TenantQueue({**self.priorities, rank: groups})


def before_in_pool(mine: Member, own: Before, others: Iterable[Member]) -> Before:
    """All that goes before a job, `own` of its own tenant: the other tenants' turns until then."""
    mean = Money(own.cost // own.calls) if own.calls else mine.cost
    return own + turns_of_others(replace(mine, cost=mean), own.calls, others)
