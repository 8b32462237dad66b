"""The provider's side of one account: its limit, its balance, and what becomes of each call.

What it does is what segmind-api.md says, and what the sandbox does: 429 over the window's limit or
over the calls in flight (those are not counted in the window), 406 without money.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from cli.simulation.clock import Clock
from cli.simulation.scenario import Account, Change, Faults, Latency
from cli.simulation.usage import Usage
from cli.simulation.windows import Outside, window_of
from jobs.money import Money


class Fate(StrEnum):
    """How a call ends that has reached the provider."""

    IMAGE = "200"
    ERROR = "500"
    LOST = "no answer"
    """It runs, and its answer gets lost."""
    LIMITED = "429"
    NO_CREDITS = "406"


REFUSED = frozenset({Fate.LIMITED, Fate.NO_CREDITS})


@dataclass(frozen=True)
class Judged:
    """How a call will end, and when, from now. `resets_in`: what an answer says of the window."""

    fate: Fate
    takes: int
    resets_in: int | None


class Provider:
    """`random` is this provider's own, so that a scenario with one account more stays comparable."""

    def __init__(
        self, account: Account, latency: Latency, faults: Faults, clock: Clock, random: Random
    ) -> None:
        self.usage = Usage(account.window_span, account.true_rpm)
        self.in_flight = 0
        self.balance = account.credits
        self.settled_sent = -1
        """When the call was sent that was sent last of all that have settled: the history has it."""
        self._account = account
        self._latency = latency
        self._faults = faults
        self._clock = clock
        self._random = random
        self._most = account.true_rpm
        self._window = window_of(account.window, account.window_span)
        self._outside = Outside(account.outside_rpm, 0)
        for change in account.changes:
            clock.at(change.at, self._change, change)

    def judge(self, price: Money) -> Judged:
        """A call arrives now; unless it is refused it is in flight until `settle`."""
        now = self._clock.now
        self._catch_up(now)
        busy = self._account.concurrency
        if busy is not None and self.in_flight >= busy:
            self.usage.refused += 1
            return self._answer(Fate.LIMITED, self._window.resets_in(now, self._most))
        verdict = self._window.admit(now, self._most)
        if not verdict.admitted:
            self.usage.refused += 1
            return self._answer(Fate.LIMITED, verdict.resets_in)
        self.usage.took(now)
        if self.balance is not None and self.balance < price:
            return self._answer(Fate.NO_CREDITS, verdict.resets_in)
        self.in_flight += 1
        if self.balance is not None:
            self.balance = Money(self.balance - price)
        drawn = self._random.random()
        takes = round(self._latency.median * self._random.lognormvariate(0, self._latency.sigma))
        fate = Fate.IMAGE
        if drawn < self._faults.error_rate_500:
            fate = Fate.ERROR
        elif drawn < self._faults.error_rate_500 + self._faults.timeout_rate:
            fate = Fate.LOST
        return self._answer(fate, verdict.resets_in, takes)

    def settle(self, fate: Fate, sent_at: int, price: Money) -> None:
        """A call that ran is over; a failed one is not charged."""
        self.in_flight -= 1
        self.settled_sent = max(self.settled_sent, sent_at)
        if fate is Fate.ERROR and self.balance is not None:
            self.balance = Money(self.balance + price)

    def end(self) -> None:
        """The run is over: count what else was allowed and used."""
        self._catch_up(self._clock.now)
        self.usage.allow(self._clock.now)

    def _answer(self, fate: Fate, resets_in: int, takes: int = 0) -> Judged:
        return Judged(fate, takes, resets_in if self._account.states_reset else None)

    def _change(self, change: Change) -> None:
        now = self._clock.now
        self._catch_up(now)
        if change.true_rpm is not None:
            self._most = change.true_rpm
            self.usage.allow(now, change.true_rpm)
        if change.outside_rpm is not None:
            self._outside = Outside(change.outside_rpm, now)
        if change.credits is not None:
            self.balance = change.credits

    def _catch_up(self, now: int) -> None:
        for at in self._outside.due(now):
            if self._window.admit(at, self._most).admitted:
                self.usage.lost_to_others(at)
