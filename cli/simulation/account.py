"""Our side of one account: permits, pauses, the balance as we know it."""

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from random import Random

from cli.simulation.clock import Clock, moment, seconds
from cli.simulation.permits import Grant, Left, Permits
from cli.simulation.provider import Provider
from cli.simulation.scenario import Account as Settings
from cli.simulation.scenario import Scenario
from jobs import account_pauses, limiting
from jobs import credits as balances
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO, Money
from jobs.pace import PERMIT_LIFE, SEND_GUARD
from jobs.timing import CallTiming

TIMING = CallTiming()
DEADLINE = seconds(TIMING.deadline)
PROBE = seconds(30)
"""`SEGQ_PROBE_SECONDS`, as it is when nobody sets it."""


class Account:
    """`at_rest` says whether nothing is left to be done: then nothing is probed any more."""

    def __init__(
        self, settings: Settings, scenario: Scenario, clock: Clock, at_rest: Callable[[], bool]
    ) -> None:
        random = Random(f"{scenario.seed} {settings.name}")  # noqa: S311  # to be repeated
        latency, faults = scenario.latency, scenario.faults
        self.name = settings.name
        self.provider = Provider(settings, latency, faults, clock, random)
        self.permits = Permits(settings, DEADLINE)
        self.committed = ZERO
        """What running and in-doubt calls may still cost."""
        self._clock = clock
        self._at_rest = at_rest
        self._limited_until = 0
        self._reading: Reading | None = None
        self._waits_for: Money | None = None
        self._claims: deque[tuple[str, int]] = deque()
        self._blind_until: int | None = None

    def ask(self, count: int) -> Grant:
        """Ask for permits; none while the account pauses."""
        now = self._clock.now
        if self._waits_for is not None:
            return Grant(wait=PROBE)
        if self._blind_until is not None:
            if now < self._blind_until:
                return Grant(wait=self._blind_until - now)
            self._blind_until = None
            self._forget(now)
            self.permits.rebuild(now, self._claims, self._limited_until)
        if now < self._limited_until:
            return Grant(wait=self._limited_until - now)
        return self.permits.ask(now, count)

    def flush(self) -> None:
        """Redis forgets; SQL does not. No permit until all that are in somebody's hand lapsed."""
        self._blind_until = self._clock.now + PERMIT_LIFE + SEND_GUARD

    def covers(self, price: Money) -> bool:
        """Whether the balance pays for one more call. If not, the account pauses."""
        known = None if self._reading is None else self._reading.credits
        if balances.covers(known, self.committed, price):
            return True
        self._wait_for(price)
        return False

    def claimed(self, permit: str, price: Money) -> None:
        """A job was claimed with this permit."""
        now = self._clock.now
        self.committed = Money(self.committed + price)
        self._claims.append((permit, now))
        self._forget(now)

    def released(self, price: Money) -> None:
        """What a claim had reserved is settled."""
        self.committed = Money(self.committed - price)

    def answered(self, left: Left, sent_at: int, failure: Failure | None) -> None:
        """A call came back that was no 429."""
        if self._blind_until is None:
            self.permits.answered(self._clock.now, left, limiting.ended(failure))
        balance = self.provider.balance
        if failure is None and balance is not None:
            self._read(balance, sent_at)

    def refused(self, left: Left, resets_in: int | None) -> Failure:
        """A 429: the account pauses until the reset."""
        now = self._clock.now
        resets_at = None if resets_in is None else moment(now + resets_in)
        failure = Failure(FailureKind.RATE_LIMITED, "Rate limit exceeded", 429, resets_at)
        limit = account_pauses.rate_limit(failure, moment(now))
        if limit is None:
            raise RuntimeError("a 429 must pause its account")
        pause = limit.wait // timedelta(microseconds=1)
        if self._blind_until is None:
            pause = self.permits.refused(now, left, pause, stated=limit.stated)
        self._limited_until = max(self._limited_until, now + pause)
        return failure

    def out_of_credits(self, price: Money) -> Failure:
        """A 406: the account pauses until its balance pays for this."""
        self._wait_for(price)
        return Failure(FailureKind.INSUFFICIENT_CREDITS, "Insufficient credits", 406)

    def give_back(self, permit: str) -> None:
        """The permit's call never left."""
        if self._blind_until is None:
            self.permits.give_back(permit)

    def permits_held(self) -> int:
        """Those that still count once every call that may be under way must be over."""
        return self.permits.held(self._clock.now + DEADLINE + self.permits.memory)

    def _wait_for(self, price: Money) -> None:
        if self._waits_for is None:
            self._clock.after(PROBE, self._probe)
        self._waits_for = price

    def _probe(self) -> None:
        balance, price = self.provider.balance, self._waits_for
        if balance is not None:
            self._read(balance, self._clock.now)
        if price is None or balance is None or balances.covers(balance, self.committed, price):
            self._waits_for = None
        elif not self._at_rest():
            self._clock.after(PROBE, self._probe)

    def _read(self, balance: Money, sent_at: int) -> None:
        reading = Reading(balance, moment(sent_at), moment(self._clock.now))
        self._reading = balances.newer(self._reading, reading)

    def _forget(self, now: int) -> None:
        claims, since = self._claims, now - self.permits.memory
        while claims and claims[0][1] <= since:
            claims.popleft()
