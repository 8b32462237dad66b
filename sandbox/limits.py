"""Rate limits: how many calls a window takes, and when it takes the next.

Upstream does not say whether its window is fixed or sliding, so there is one of each. Both are
pure: ``now`` comes in, in seconds of any steady clock. A refused call is not counted.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

WindowKind = Literal["fixed", "sliding"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call may go on, and seconds (> 0) until the window has more room again."""

    admitted: bool
    resets_in: float


class FixedWindow:
    """At most so many calls in a window; one starts at the first call after the last ended."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._started: float | None = None
        self._count = 0

    def admit(self, now: float, most: int | None) -> Verdict:
        """Judge a call and count it if it is admitted; ``most`` None admits every call."""
        if self._started is None or now >= self._started + self._seconds:
            self._started, self._count = now, 0
        resets_in = self._started + self._seconds - now
        if most is not None and self._count >= most:
            return Verdict(admitted=False, resets_in=resets_in)
        self._count += 1
        return Verdict(admitted=True, resets_in=resets_in)


class SlidingWindow:
    """At most so many calls in *any* span of the window's length."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()

    def admit(self, now: float, most: int | None) -> Verdict:
        """Judge a call and count it if it is admitted; ``most`` None admits every call."""
        while self._times and now >= self._times[0] + self._seconds:
            self._times.popleft()
        admitted = most is None or len(self._times) < most
        if admitted:
            self._times.append(now)
        # A limit that was lowered may be exceeded by several calls: room comes only when all but
        # most - 1 of them have left the window.
        leaves = 0 if most is None else max(0, len(self._times) - most)
        return Verdict(admitted, resets_in=self._times[leaves] + self._seconds - now)


def window_of(kind: WindowKind, seconds: float) -> FixedWindow | SlidingWindow:
    """An empty window of ``seconds`` (> 0)."""
    return FixedWindow(seconds) if kind == "fixed" else SlidingWindow(seconds)
