"""Batches: what one may be, and how many of its jobs are where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jobs.money import Money
from jobs.states import FINAL, State

MOST_JOBS = 1_000_000
"""Of one batch."""


class BatchState(StrEnum):
    """What a batch takes and gives. Whether its jobs wait, run or have ended, their counts say."""

    OPEN = "open"
    """It takes jobs; those that came are made meanwhile."""
    CLOSED = "closed"
    """It takes no more."""
    CANCELED = "canceled"
    """It takes no more, and what had not been called for is not made."""


class Sweep(StrEnum):
    """What is done to all jobs of a batch, in parts."""

    CANCEL = "cancel"
    PRIORITY = "priority"
    RETRY = "retry"


@dataclass(frozen=True, order=True)
class Place:
    """Where a job stands among those of its batch. `kind`: of its failure; empty for none."""

    state: State
    kind: str = ""


def place_of(state: State, error: Mapping[str, Any] | None) -> Place:
    """The place of a job in that state, with that error."""
    ended_badly = state in {State.FAILED, State.EXPIRED}
    return Place(state, str(error["kind"]) if ended_badly and error else "")


@dataclass(frozen=True)
class Count:
    """So many jobs; what they have cost, and what one more call for each may cost."""

    jobs: int = 0
    cost: int = 0
    estimate: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.jobs + other.jobs, self.cost + other.cost, self.estimate + other.estimate)

    def __neg__(self) -> "Count":
        return Count(-self.jobs, -self.cost, -self.estimate)


NONE = Count()


@dataclass(frozen=True)
class Counts:
    """All jobs of a batch by their places."""

    by_place: Mapping[Place, Count]

    def of(self, *states: State) -> Count:
        """All jobs in these states."""
        return _sum(count for place, count in self.by_place.items() if place.state in states)

    @property
    def all(self) -> Count:
        return _sum(self.by_place.values())

    @property
    def cost(self) -> Money:
        """What was paid so far."""
        return Money(self.all.cost)

    @property
    def to_come(self) -> Count:
        """Those that have not ended."""
        return _sum(count for place, count in self.by_place.items() if place.state not in FINAL)

    @property
    def committed(self) -> Money:
        """What was paid, and what may still be: each job that has not ended, called once more."""
        return Money(self.cost + self.to_come.estimate)

    @property
    def kinds(self) -> dict[str, int]:
        """How many ended for which reason, the most frequent first."""
        found: dict[str, int] = {}
        for place, count in self.by_place.items():
            if place.kind and count.jobs:
                found[place.kind] = found.get(place.kind, 0) + count.jobs
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _sum(counts: Iterable[Count]) -> Count:
    whole = NONE
    for one in counts:
        whole += one
    return whole
