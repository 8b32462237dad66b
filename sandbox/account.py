"""What one key has."""

import time
from dataclasses import dataclass
from decimal import Decimal

from sandbox.limits import FixedWindow, OutsideCalls, SlidingWindow, Verdict


# The steady clock throughout: a test that sets the machine's clock must not open the window.
@dataclass(slots=True)
class Account:
    """A key's own balance (USD), its rate window, who else uses it, and its calls in flight."""

    key: str
    balance: Decimal
    window: FixedWindow | SlidingWindow
    outside: OutsideCalls
    in_flight: int = 0

    def admit(self, most: int | None) -> Verdict:
        """Count a call against the limit of ``most`` calls a window, unless the limit refuses it."""
        now = time.monotonic()
        self._catch_up(now, most)
        return self.window.admit(now, most)

    def resets_in(self, most: int | None) -> float:
        """Seconds (> 0) until the window has more room; counts nothing."""
        now = time.monotonic()
        self._catch_up(now, most)
        return self.window.resets_in(now, most)

    def use_outside(self, per_minute: int) -> None:
        """From now on someone else makes so many calls a minute."""
        self.outside = OutsideCalls(per_minute, time.monotonic())

    def _catch_up(self, now: float, most: int | None) -> None:
        for moment in self.outside.due(now, self.window.seconds):
            self.window.admit(moment, most)
