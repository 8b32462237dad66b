"""Permits of one account: the only file here that knows how the limiter's rules are called.

It drives `jobs/pace.py` as `worker/limiter.py` drives the script that it specifies.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cli.simulation.scenario import Account
from jobs import pace
from jobs.pace import SLACK, Allowance, Pace

_UNKNOWN = 60
"""Where nothing is believed: what `SEGMIND_RPM` is when nobody sets it."""


class Ended(StrEnum):
    """How a call that had left came back; a 429 is told apart (`Permits.refused`)."""

    CLEAN = "clean"
    FAILED = "failed"
    """500, or no answer."""
    OTHER = "other"
    """406: an answer of a provider that works."""


@dataclass(frozen=True)
class Grant:
    """Permits by name, each with when its call may leave; more may be asked for in `wait`."""

    permits: tuple[tuple[str, int], ...] = ()
    wait: int = 0


@dataclass(frozen=True)
class Left:
    """A call that has left: `sent` and `arrived` at the provider's counter so long after its permit
    was good.
    """

    permit: str
    sent: int
    arrived: int


class Permits:
    """Times are the run's. `deadline`: how long a call takes at the most."""

    def __init__(self, account: Account, deadline: int) -> None:
        self._allowance = Allowance(account.rpm or _UNKNOWN, account.window_span)
        self._pace = Pace()
        self._deadline = deadline
        self._named = 0
        self._names: list[str] = []
        """Those that are not used yet: far more are asked for than are granted."""
        self.memory = account.window_span + SLACK
        """How far back `rebuild` must be told of calls."""

    @property
    def believed(self) -> int:
        """Calls a window that are believed to be allowed."""
        return self._allowance.limit

    def ask(self, now: int, count: int) -> Grant:
        """Ask for so many (≥ 1) permits; fewer may be granted."""
        while len(self._names) < count:
            self._named += 1
            self._names.append(str(self._named))
        names = self._names[:count]
        self._pace, answer = pace.ask(self._pace, self._allowance, now, names)
        del self._names[: answer.granted]
        return Grant(tuple((name, now) for name in names[: answer.granted]), answer.wait)

    def answered(self, now: int, left: Left, ended: Ended) -> None:  # noqa: ARG002
        """A call came back now."""
        self._pace = pace.sent(self._pace, left.permit, left.sent)

    def refused(self, now: int, left: Left, pause: int, *, stated: bool) -> int:  # noqa: ARG002
        """A 429: no call for so long, at the most. For how long it pauses."""
        self._pace = pace.pause(pace.sent(self._pace, left.permit, left.sent), now + pause)
        return pause

    def give_back(self, permit: str) -> None:
        """The permit's call never left."""
        self._pace = pace.give_back(self._pace, self._allowance, permit)

    def rebuild(self, now: int, calls: Iterable[tuple[str, int]], paused_until: int) -> None:
        """All was forgotten: start anew with these calls, each with when it was claimed."""
        known = {permit: at + self.memory for permit, at in calls}
        due = now + (self._allowance.burst - 1) * self._allowance.interval if known else 0
        self._pace = Pace(due, known, paused_until)

    def held(self, now: int) -> int:
        """How many permits count now."""
        return sum(until > now for until in self._pace.calls.values())
