"""How a provider counts calls: fixed, sliding and aligned windows, and who else uses the key.

Written anew and not shared with the sandbox, which no code of ours imports; a test has both judge
the same calls. A refused call is not counted. `most` may change from call to call.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cli.simulation.scenario import WindowKind
from jobs.pace import SECOND

_MINUTE = 60 * SECOND


@dataclass(frozen=True)
class Verdict:
    """Whether the call may go on, and how long (> 0) until the window has more room."""

    admitted: bool
    resets_in: int


class _Fixed:
    def __init__(self, span: int) -> None:
        self._span = span
        self._ends = 0
        self._count = 0

    def admit(self, now: int, most: int) -> Verdict:
        if now >= self._ends:
            self._ends, self._count = self._end(now), 0
        admitted = self._count < most
        self._count += admitted
        return Verdict(admitted, self._ends - now)

    def resets_in(self, now: int, _most: int) -> int:
        return self._ends - now if now < self._ends else self._span

    def _end(self, now: int) -> int:
        return now + self._span


class _Aligned(_Fixed):
    def _end(self, now: int) -> int:
        return (now // self._span + 1) * self._span

    def resets_in(self, now: int, _most: int) -> int:
        return self._end(now) - now


class _Sliding:
    def __init__(self, span: int) -> None:
        self._span = span
        self._times: deque[int] = deque()

    def admit(self, now: int, most: int) -> Verdict:
        self._forget(now)
        admitted = len(self._times) < most
        if admitted:
            self._times.append(now)
        return Verdict(admitted, self.resets_in(now, most))

    def resets_in(self, now: int, most: int) -> int:
        self._forget(now)
        if not self._times:
            return self._span
        # A limit that was lowered may be exceeded by several: room comes when all of those left.
        return self._times[max(0, len(self._times) - most)] + self._span - now

    def _forget(self, now: int) -> None:
        while self._times and now >= self._times[0] + self._span:
            self._times.popleft()


Window = _Fixed | _Sliding

_KINDS: dict[WindowKind, Callable[[int], Window]] = {
    WindowKind.FIXED: _Fixed,
    WindowKind.SLIDING: _Sliding,
    WindowKind.ALIGNED: _Aligned,
}


def window_of(kind: WindowKind, span: int) -> Window:
    """An empty window of so many µs."""
    return _KINDS[kind](span)


class Outside:
    """Someone else's calls on the same key: evenly spread, the first at `since`.

    They are made up for whenever somebody looks, at the moments at which they would have come.
    """

    def __init__(self, per_minute: int, since: int) -> None:
        self._per_minute = per_minute
        self._since = since
        self._made = 0

    def due(self, now: int) -> Iterator[int]:
        """The moments of those that have come since the last look, in order."""
        while self._per_minute:
            at = self._since + self._made * _MINUTE // self._per_minute
            if at > now:
                return
            self._made += 1
            yield at
