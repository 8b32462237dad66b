"""The whole limiter of one account, as `worker/limiter.lua` is: window, pace, belief, flights, breaker.

It is changed in place, as the script changes its hash. What each part does stands in `pace`,
`learning`, `concurrency` and `breaker`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from jobs import breaker, concurrency, learning
from jobs.breaker import Breaker
from jobs.concurrency import Flights
from jobs.failures import Failure, FailureKind
from jobs.learning import Belief
from jobs.pace import LEAD, MARGIN, SECOND, SLACK, Calls, burst, catch_up, interval, spread

PROBE = 1 * SECOND
"""How long the first call after a pause goes alone: a refusal comes at once."""
BRIEF = SECOND // 4
"""How long a refusal pauses that was expected and states no reset: the window knows the rest."""
FULL_FLIGHTS_WAIT = SECOND // 10
"""When to ask again where as many calls are in flight as may be."""
AUTO = "auto"
"""What `SEGMIND_RPM` says where the limit is to be found out."""
FIRST_BELIEF = 60
"""Calls in a window with which the search begins: what the lowest published plan with one allows."""
MOST = 100_000
"""Calls in a window: the ceiling of a limit that is looked for."""


class Ended(StrEnum):
    """How a call that had left came back; a 429 is told apart (`Limiting.refused`)."""

    CLEAN = "clean"
    FAILED = "failed"
    """5xx, timeout, connection lost: the provider's doing."""
    OTHER = "other"
    """4xx: an answer of a provider that works."""


def ended(failure: Failure | None) -> Ended:
    """How a call came back that was no 429; None: well."""
    if failure is None:
        return Ended.CLEAN
    return Ended.FAILED if failure.kind in _OF_THE_PROVIDER else Ended.OTHER


_OF_THE_PROVIDER = frozenset(
    {FailureKind.UPSTREAM_ERROR, FailureKind.GATEWAY_ERROR, FailureKind.CONNECTION_LOST}
)


class Waits(StrEnum):
    """What the next permit waits for."""

    NOTHING = ""
    RATE_LIMIT = "rate_limit"
    CIRCUIT = "circuit_breaker"
    FLIGHTS = "slot"


@dataclass(frozen=True)
class Limits:
    """What is configured: `limit` calls (≥ 1) in any `window` (µs), `at_once` in flight.

    `auto`: the limit is only where the search for it begins.
    """

    limit: int
    window: int = 60 * SECOND
    at_once: int = 1_000
    auto: bool = False
    breaker_opens: int = 30 * SECOND

    @property
    def ceiling(self) -> int:
        return MOST if self.auto else self.limit


@dataclass(frozen=True)
class Answer:
    """The first permits asked for are given, each opens in so long; the next may be asked for in
    `wait`.
    """

    opens: tuple[int, ...] = ()
    wait: int = 0
    waits: Waits = Waits.NOTHING


@dataclass
class Limiting:
    """The verbs of the script, under its names."""

    limits: Limits
    known: Belief
    flights: Flights
    calls: Calls = field(default_factory=Calls)
    due: int = 0
    """GCRA's theoretical arrival time of the next call."""
    paused_until: int = 0
    first: int = 0
    """1: a pause ends with one call alone; 2: it is on its way."""
    first_permit: str = ""
    alone_until: int = 0
    breaker: Breaker = field(default_factory=Breaker)

    @classmethod
    def opened(cls, limits: Limits, now: int) -> "Limiting":
        """Of an account that was never called before."""
        known = learning.unlearned(limits.limit, limits.ceiling, now)
        return cls(limits, known, Flights(limits.at_once), due=now, paused_until=now)

    def ask(self, now: int, permits: Sequence[str], deadline: int) -> Answer:
        """Ask for as many permits as names are given; a call takes `deadline` at the most."""
        self.calls.forget(now)
        self.flights.forget(now)
        self._begin(now)
        opens: list[int] = []
        for permit in permits:
            found = self._next(now)
            if isinstance(found, Answer) and self._grows(found, now):
                self._begin(now)
                found = self._next(now)
            if isinstance(found, Answer):
                return Answer(tuple(opens), found.wait, found.waits)
            self._grant(permit, found, deadline)
            opens.append(found - now)
        return Answer(tuple(opens))

    def _grows(self, found: Answer, now: int) -> bool:
        """Calls wait: where that is for the limit alone, it may be time to try more."""
        if found.waits is not Waits.RATE_LIMIT or now < self.paused_until or self.first:
            return False
        full = len(self.calls.in_order) >= self.known.belief
        ramp = self.known.rate
        grown = learning.grow(self.known, self.limits.ceiling, self.limits.window, now, full=full)
        if self.known.rate != ramp:
            self._no_burst(now)
        return grown

    def _no_burst(self, at: int) -> None:
        """No rest was saved where room comes call by call, or the window held calls back."""
        self.due = max(self.due, at + self._rested)

    def _begin(self, now: int) -> None:
        if self.first == 2 and now >= self.alone_until:
            self.first, self.first_permit = 0, ""
        if self.breaker.tester and self.breaker.tester not in self.flights.ends:
            self.breaker.tester = ""  # its worker is lost
        begins = max(now, self.paused_until)
        latest = begins + self._lead + self._rested + self._step(begins)
        self.due = min(max(self.due, now), latest)

    def _next(self, now: int) -> int | Answer:
        """When the next permit opens, or how long to wait until it may be asked for."""
        tripped = self.breaker.open_for > 0
        if tripped and now < self.breaker.open_until:
            return Answer(wait=self.breaker.open_until - now, waits=Waits.CIRCUIT)
        if tripped and self.breaker.tester:
            return Answer(wait=FULL_FLIGHTS_WAIT, waits=Waits.CIRCUIT)
        if len(self.flights.ends) >= self.flights.at_once:
            return Answer(wait=FULL_FLIGHTS_WAIT, waits=Waits.FLIGHTS)
        if now < self.paused_until:
            return Answer(wait=self.paused_until - now, waits=Waits.RATE_LIMIT)
        frees = self.calls.frees(self.known.belief)
        if frees > now:
            # A saved burst would be spent at once, and end in the same silence in each window.
            self._no_burst(frees)
        alone_until = self.alone_until if self.first == 2 else 0
        opens = max(now, alone_until, self.due - self._rested, frees)
        if opens > now + self._lead:
            return Answer(wait=opens - now - self._lead, waits=Waits.RATE_LIMIT)
        return opens

    def _grant(self, permit: str, opens: int, deadline: int) -> None:
        self.calls.add(permit, opens + self.limits.window + SLACK)
        self.flights.ends[permit] = opens + SLACK + deadline
        self.due = max(self.due, opens)
        is_burst = self.due + self._interval <= opens + self._rested
        self.due += self._interval if is_burst else self._step(opens)
        self.known.step_calls += 1
        if self.first == 1:
            self.first, self.first_permit, self.alone_until = 2, permit, opens + PROBE
        if self.breaker.open_for:
            self.breaker.tester = permit

    def _step(self, at: int) -> int:
        """From a call then until the next: what the window has left is spread until it frees a place.
        Else a burst would be paid for with silence at the window's end, whoever asks then.
        """
        if self.known.rate or not self.calls.in_order:
            return self._interval  # a search does not know the window
        until, permit = self.calls.in_order[0]
        frees = until - (SLACK if permit in self.flights.ends else 0)
        left = self.known.belief - len(self.calls.in_order)
        return max(self._interval, spread(frees - at, left))

    def answered(self, now: int, permit: str, arrived: int, ended: Ended, *, deadline: int) -> None:
        """The call had reached the provider's counter `arrived` after its permit opened.

        `deadline` as it was asked with. Many calls take longer than they count in the window, each
        that times out among them: what they tell of the provider is as good.
        """
        end = self.flights.ends.pop(permit, None)
        if end is None:
            return
        until = self.calls.until.get(permit)
        if until is not None:
            self.calls.remove(permit)
            self.calls.add(permit, until - max(0, SLACK - arrived))
        failed = ended is Ended.FAILED
        if ended is not Ended.OTHER:
            opened, most = end - SLACK - deadline, self.limits.at_once
            concurrency.answered(self.flights, failed=failed, opened=opened, most=most, now=now)
        failures = self.flights.recent.count("1")
        if breaker.answered(
            self.breaker, permit, failures, failed=failed, opens=self.limits.breaker_opens, now=now
        ):
            self.flights.recent = ""

    def refused(self, now: int, permit: str, pause: int, *, stated: bool) -> int:
        """A 429: no call for so long. `stated`: that is when the provider says that it resets.

        For how long it pauses: less where nothing was stated and the window alone says enough.
        """
        opened = self._opened(permit)
        self.calls.remove(permit)
        self.flights.ends.pop(permit, None)
        breaker.given_back(self.breaker, permit)
        window, most = self.limits.window, self.limits.at_once
        # A reset that is further away than a window is of something else, a day's limit perhaps.
        of_window = stated and pause <= window
        since = (now + pause if of_window else now) - window - MARGIN
        accepted = sum(since <= self._arrived(one) <= now for one in self.calls.until)
        if not of_window:
            # Counted from now, it may be of two windows of the provider's.
            accepted = min(accepted, self.known.belief - 1)
        same = 0 < self.known.episode >= opened - LEAD
        if concurrency.tries_more(self.flights, now):
            concurrency.capped(self.flights, most, window, now)
        else:
            learning.refused(self.known, accepted, same=same, until=now + pause, now=now)
            if self.known.expected:
                concurrency.uncapped(self.flights, most)
                pause = pause if stated or same else min(pause, BRIEF)
            elif accepted * 2 < self.known.was:
                concurrency.capped(self.flights, most, window, now)
        self.paused_until = max(self.paused_until, now + pause)
        self._no_burst(self.paused_until)
        if pause >= PROBE:
            self.first, self.first_permit = 1, ""
        return pause

    def _opened(self, permit: str) -> int:
        """When the permit's call could leave; 0: not known any more."""
        return self.calls.until.get(permit, 0) - self.limits.window - SLACK

    def _arrived(self, permit: str) -> int:
        """When a call reached the provider's counter; of one in flight, when it opened."""
        if permit in self.flights.ends:
            return self._opened(permit)
        return self.calls.until[permit] - self.limits.window

    def give_back(self, permit: str) -> None:
        """The permit's call never left: it counts no more."""
        self.flights.ends.pop(permit, None)
        breaker.given_back(self.breaker, permit)
        if not self.calls.remove(permit):
            return
        self.due -= self._interval  # what was spread beyond it is lost: no call is early
        # What never left shows nobody that more may leave.
        self.known.step_calls = max(0, self.known.step_calls - 1)
        if self.first_permit == permit:
            self.first, self.first_permit = 1, ""

    def pause(self, until: int) -> None:
        """No permit before `until`. A pause is only ever made longer here."""
        self.paused_until = max(self.paused_until, until)

    @property
    def _interval(self) -> int:
        return interval(self.limits.window, self.known.rate or self.known.belief)

    @property
    def _burst(self) -> int:
        if self.known.rate:
            return catch_up(self.known.rate, self.limits.window)
        return burst(self.known.belief)

    @property
    def _rested(self) -> int:
        """How far a rest lets calls leave before they are due."""
        return (self._burst - 1) * self._interval

    @property
    def _lead(self) -> int:
        # A ramp ends with a refusal: few permits should be in hand by then.
        return min(LEAD, 2 * self._interval) if self.known.rate else LEAD
