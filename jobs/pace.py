"""How fast calls may leave one account: the executable specification of `worker/limiter.lua`.

Two rules hold at once. The *window*: never more calls than are believed to be allowed arrive in any
`window`, wherever the provider's own window begins, so fixed and sliding ones are both served. The
*pace* (GCRA): after a short burst, calls leave evenly, so that the last tenth of a window is not
silence.

Times are integers in microseconds of one clock (Redis's). The cases in `tests/worker/` are
run against this model and against the script.
"""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

SECOND = 1_000_000

PERMIT_LIFE = 1 * SECOND
"""An unused permit may not be used later than this after it was granted."""
SEND_GUARD = 5 * SECOND
"""The longest time between a claim and the first byte to the socket."""
JITTER = SECOND // 4
"""How much later than it was sent a call may reach the provider's counter."""
SLACK = PERMIT_LIFE + SEND_GUARD + JITTER
"""A granted call counts this much longer than a window, until it is known when it arrived."""
LEAD = SECOND // 10
"""A permit may be granted this much before it opens, so that its job is claimed by then."""
CATCH_UP = SECOND // 4
"""Who asks so late in a ramp loses no call by it. Were they lost, a search would end where a busy
machine asks too seldom, and not where the provider refuses."""
MARGIN = SECOND // 50
"""By how much a stated reset may be rounded up."""


@dataclass
class Calls:
    """The calls that may count in the provider's window: when each stops, by permit."""

    until: dict[str, int] = field(default_factory=dict)
    in_order: list[tuple[int, str]] = field(default_factory=list)

    def add(self, permit: str, until: int) -> None:
        """Let the permit's call count until then."""
        self.until[permit] = until
        insort(self.in_order, (until, permit))

    def remove(self, permit: str) -> bool:
        """It counts no more; whether it did."""
        until = self.until.pop(permit, None)
        if until is None:
            return False
        del self.in_order[bisect_left(self.in_order, (until, permit))]
        return True

    def forget(self, now: int) -> None:
        """Drop those that count no more."""
        gone = bisect_right(self.in_order, now, key=lambda one: one[0])
        if gone:
            del self.in_order[:gone]
            self.until = {permit: until for permit, until in self.until.items() if until > now}

    def frees(self, most: int) -> int:
        """When fewer than `most` (≥ 1) will count; 0 when so already."""
        excess = len(self.in_order) - most
        return self.in_order[excess][0] if excess >= 0 else 0


def interval(window: int, rate: int) -> int:
    """Between two calls of so many a window.

    They leave in 39 fortieths of it: what is late in a window is made good in the same one. All of
    it would lose what is late for good, since the call a window later may come no earlier.
    """
    return -(-window * 39 // (40 * rate))


def spread(until: int, calls: int) -> int:
    """Between two of so many calls that are to last until then, with the same little to spare."""
    return until * 39 // (40 * (max(0, calls) + 1))


def burst(rate: int) -> int:
    """Calls that may leave at once after a rest: a tenth of the window's, at least one."""
    return max(1, rate // 10)


def catch_up(rate: int, window: int) -> int:
    """Calls of a ramp that may leave at once: those of `CATCH_UP`, at least one."""
    return max(1, rate * CATCH_UP // window)
