"""Rate limits: how many calls a window takes, and when it takes the next.

Upstream does not say whether its window is fixed, from a call on or by the clock, or sliding, so
there is one of each. All are pure: ``now`` comes in, in seconds of any steady clock. A refused call is not counted.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal

WindowKind = Literal["fixed", "aligned", "sliding"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call may go on, and seconds (> 0) until the window has more room again."""

    admitted: bool
    resets_in: float


class FixedWindow:
    """At most so many calls in a window; one starts at the first call after the last ended."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = -inf
        self._count = 0

    def admit(self, now: float, most: int | None) -> Verdict:
        """Judge a call and count it if it is admitted; ``most`` None admits every call."""
        if now >= self._ends:
            self._ends, self._count = self._end(now), 0
        admitted = most is None or self._count < most
        self._count += admitted
        return Verdict(admitted, self.resets_in(now, most))

    def resets_in(self, now: float, _most: int | None) -> float:
        """Seconds until the window ends; its whole length when none has begun."""
        return self._ends - now if now < self._ends else self.seconds

    def _end(self, now: float) -> float:
        return now + self.seconds


class AlignedWindow(FixedWindow):
    """At most so many calls between two round moments of a clock, which is ``ahead`` of ``now``."""

    def __init__(self, seconds: float, ahead: float) -> None:
        super().__init__(seconds)
        self._ahead = ahead

    def resets_in(self, now: float, _most: int | None) -> float:
        """Seconds until the window ends, whether a call has come in it or not."""
        return self._end(now) - now

    def _end(self, now: float) -> float:
        ended = (now + self._ahead) // self.seconds
        # What rounding has put at or before now is the end of the window that is over.
        ends = [(ended + more) * self.seconds - self._ahead for more in (1, 2)]
        return ends[0] if ends[0] > now else ends[1]


class SlidingWindow:
    """At most so many calls in *any* span of the window's length."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._times: deque[float] = deque()

    def admit(self, now: float, most: int | None) -> Verdict:
        """Judge a call and count it if it is admitted; ``most`` None admits every call."""
        self._forget(now)
        admitted = most is None or len(self._times) < most
        if admitted:
            self._times.append(now)
        return Verdict(admitted, self.resets_in(now, most))

    def resets_in(self, now: float, most: int | None) -> float:
        """Seconds until a call leaves the window; its whole length when it holds none."""
        self._forget(now)
        if not self._times:
            return self.seconds
        # A limit that was lowered may be exceeded by several calls: room comes only when all but
        # most - 1 of them have left the window.
        leaves = 0 if most is None else max(0, len(self._times) - most)
        return self._times[leaves] + self.seconds - now

    def _forget(self, now: float) -> None:
        while self._times and now >= self._times[0] + self.seconds:
            self._times.popleft()


class OutsideCalls:
    """Someone else's calls on the same key: evenly spread, the first at ``since``.

    No thread makes them: they are made up for whenever somebody looks, at the moments at which
    they would have come, and judged as any call is.
    """

    def __init__(self, per_minute: int, since: float) -> None:
        self._between = 60 / per_minute if per_minute else None
        self._next = since

    def due(self, now: float, window_seconds: float) -> Iterator[float]:
        """The moments of those that have come since the last look, in order.

        Of a long silence only the last two windows are told: what is older counts no more.
        """
        if self._between is None:
            return
        behind = now - 2 * window_seconds - self._next
        if behind > 0:
            self._next += self._between * (behind // self._between)
        while self._next <= now:
            yield self._next
            self._next += self._between


def window_of(kind: WindowKind, seconds: float, ahead: float = 0.0) -> FixedWindow | SlidingWindow:
    """An empty window of ``seconds`` (> 0). ``ahead``: as of `AlignedWindow`."""
    match kind:
        case "fixed":
            return FixedWindow(seconds)
        case "aligned":
            return AlignedWindow(seconds, ahead)
        case _:
            return SlidingWindow(seconds)
