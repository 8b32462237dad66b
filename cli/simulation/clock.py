"""The virtual clock: what happens when, in order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from jobs.pace import SECOND

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""Any moment does: the rules compare times and never look at a calendar."""


class Clock:
    """Time stands still while something happens, and jumps to what happens next."""

    def __init__(self) -> None:
        self.now = 0
        self._coming: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: int, do: Callable[..., None], *words: Any) -> None:
        """Let it happen then, or now if that has passed; of two at once the first that was told."""
        self._count += 1
        heappush(self._coming, (max(when, self.now), self._count, do, words))

    def after(self, delay: int, do: Callable[..., None], *words: Any) -> None:
        """Let it happen in so long."""
        self.at(self.now + delay, do, *words)

    def run(self, until: int) -> None:
        """Let everything happen up to and including that moment; earlier if nothing comes any more."""
        coming = self._coming
        while coming and coming[0][0] <= until:
            self.now, _, do, words = heappop(coming)
            do(*words)

    @property
    def datetime(self) -> datetime:
        """The moment as those rules want it that reckon in `datetime`."""
        return moment(self.now)


def moment(at: int) -> datetime:
    """A time of the run as a `datetime`."""
    return _BEGAN + timedelta(microseconds=at)


def time_of(moment: datetime) -> int:
    """The inverse of `moment`."""
    return (moment - _BEGAN) // timedelta(microseconds=1)


def seconds(span: float) -> int:
    """So many seconds in microseconds."""
    return round(span * SECOND)
