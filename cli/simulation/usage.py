"""How much of what a provider allowed was used, while there was work that waited.

Counted in stretches of a window's length from the run's beginning. Only those count in which a job
waited all the time: what nobody asks for is not wasted.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """What a window's length of time allowed to us, and took of us; times in µs."""

    at: int
    allowed: float
    taken: int
    worked: bool
    """Whether a job waited all the time."""


class Usage:
    """`limit`: calls that a `span` (µs) allows, to begin with."""

    def __init__(self, span: int, limit: int) -> None:
        self.accepted = 0
        self.refused = 0
        self._span = span
        self._limit = limit
        self._counted_to = 0
        self._allowed: list[float] = [0.0]
        self._taken: list[int] = []
        self._idle: set[int] = set()

    def took(self, now: int) -> None:
        """One call of ours was accepted."""
        self.accepted += 1
        taken, index = self._taken, now // self._span
        while len(taken) <= index:
            taken.append(0)
        taken[index] += 1

    def lost_to_others(self, at: int) -> None:
        """One call of somebody else's was accepted: it was not ours to use."""
        self.allow(at)
        allowed, index = self._allowed, at // self._span
        while len(allowed) <= index:
            allowed.append(0.0)
        allowed[index] -= 1

    def allow(self, now: int, limit: int | None = None) -> None:
        """Count what was allowed until now; `limit`: from now on it is this."""
        while self._counted_to < now:
            index = self._counted_to // self._span
            while len(self._allowed) <= index:
                self._allowed.append(0.0)
            to = min(now, (index + 1) * self._span)
            self._allowed[index] += (to - self._counted_to) * self._limit / self._span
            self._counted_to = to
        self._limit = self._limit if limit is None else limit

    def idled(self, since: int, until: int) -> None:
        """Nothing waited from `since` until just before `until`."""
        if until > since:
            self._idle.update(range(since // self._span, (until - 1) // self._span + 1))

    def stretches(self) -> list[Stretch]:
        """All of them that are over."""
        over = self._counted_to // self._span
        taken = self._taken + [0] * (over - len(self._taken))
        return [
            Stretch(n * self._span, self._allowed[n], taken[n], n not in self._idle)
            for n in range(over)
        ]


def share(stretches: list[Stretch]) -> float | None:
    """The used share of what was allowed; None where no stretch counts."""
    counted = [one for one in stretches if one.worked]
    allowed = sum(one.allowed for one in counted)
    return sum(one.taken for one in counted) / allowed if allowed > 0 else None
