"""Permits of one account: the only file here that knows how the limiter's rules are called.

It drives `jobs/limiting.py` as `worker/limiter.py` drives the scripts that it specifies.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cli.simulation.scenario import Account
from jobs import learning, pace
from jobs.concurrency import Flights
from jobs.limiting import FIRST_BELIEF, PROBE, Ended, Limiting, Limits
from jobs.pace import SLACK


@dataclass(frozen=True)
class Grant:
    """Permits by name, each with when its call may leave; more may be asked for in `wait`."""

    permits: tuple[tuple[str, int], ...] = ()
    wait: int = 0


@dataclass(frozen=True)
class Left:
    """A call that has left: `arrived` at the provider's counter so long after its permit opened, at
    the latest.
    """

    permit: str
    arrived: int


class Permits:
    """Times are the run's. `deadline`: how long a call takes at the most."""

    def __init__(self, account: Account, deadline: int) -> None:
        auto = account.rpm is None
        self._limits = Limits(account.rpm or FIRST_BELIEF, account.window_span, auto=auto)
        self._limiter = Limiting.opened(self._limits, 0)
        self._deadline = deadline
        self._named = 0
        self._names: list[str] = []
        """Those that are not used yet: far more are asked for than are granted."""
        self.memory = account.window_span + SLACK
        """How far back `rebuild` must be told of calls."""

    @property
    def believed(self) -> int:
        """Calls a window that are believed to be allowed."""
        return self._limiter.known.belief

    def ask(self, now: int, count: int) -> Grant:
        """Ask for so many (≥ 1) permits; fewer may be granted."""
        while len(self._names) < count:
            self._named += 1
            self._names.append(str(self._named))
        names = self._names[:count]
        answer = self._limiter.ask(now, names, self._deadline)
        del self._names[: len(answer.opens)]
        opens = zip(names, answer.opens, strict=False)
        return Grant(tuple((name, now + after) for name, after in opens), answer.wait)

    def answered(self, now: int, left: Left, ended: Ended) -> None:
        """A call came back now."""
        self._limiter.answered(now, left.permit, left.arrived, ended, deadline=self._deadline)

    def refused(self, now: int, left: Left, pause: int, *, stated: bool) -> int:
        """A 429: no call for so long, at the most. For how long it pauses."""
        return self._limiter.refused(now, left.permit, pause, stated=stated)

    def give_back(self, permit: str) -> None:
        """The permit's call never left."""
        self._limiter.give_back(permit)

    def rebuild(self, now: int, calls: Iterable[tuple[str, int]], paused_until: int) -> None:
        """All was forgotten but what the account's row holds: start anew with it and these calls,
        each with when it was claimed.
        """
        row, limits = self._limiter.known, self._limits
        known = learning.remembered(row.belief, row.good, row.revision, limits.ceiling, now)
        found = Limiting(limits, known, Flights(limits.at_once), due=now)
        for permit, at in calls:
            found.calls.add(permit, at + self.memory)
        if found.calls.until and not known.rate:
            # No burst right after: nobody remembers how the last calls were spread.
            between = pace.interval(limits.window, known.belief)
            found.due = now + (pace.burst(known.belief) - 1) * between
        found.paused_until = paused_until
        found.first = int(paused_until - now >= PROBE)
        self._limiter = found

    def held(self, now: int) -> int:
        """How many permits count now, or stand for a call that may be under way."""
        ends = (*self._limiter.calls.until.values(), *self._limiter.flights.ends.values())
        return sum(until > now for until in ends)
