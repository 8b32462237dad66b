"""Which account is asked for permits next.

Nobody is asked before the moment that it named itself, at most a nap later: so where the first can
serve it costs one trip to Redis, however many accounts there are. One whose last permit has opened
goes before one that gave it ahead of its time. Among those that may be asked it is stride scheduling
(`jobs/order.py`), with what is believed of their limits as weights: of two accounts the one that may
do twice as much is asked twice as often.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from jobs.order import next_turn, price_of_turn
from worker.limiter import Answer
from worker.upstream_accounts import UpstreamAccount

_SCALE = 1_000_000


class AccountChoice:
    """Of the turnstile's head alone: not for several threads at once."""

    def __init__(self, longest_nap: float) -> None:
        """`longest_nap`: seconds after which an account is asked again, whatever it has said."""
        self._longest_nap = longest_nap
        self._rests_until: dict[UUID, float] = {}
        self._opens_at: dict[UUID, float] = {}
        self._clock = 0
        self._passes: dict[str, int] = {}

    def next(self, accounts: Sequence[UpstreamAccount]) -> UpstreamAccount | None:
        """Whose turn it is; None when all of them rest."""
        now = time.monotonic()
        awake = [one for one in accounts if self._rests_until.get(one.id, 0.0) <= now]
        at_once = [one for one in awake if self._opens_at.get(one.id, 0.0) <= now]
        able = {one.id.hex: one for one in at_once or awake}
        turn = next_turn(self._clock, {name: self._passes.get(name, 0) for name in able})
        if turn is None:
            return None
        self._clock = turn.clock
        self._passes[turn.member] = turn.at
        return able[turn.member]

    def soonest(self, accounts: Sequence[UpstreamAccount]) -> UpstreamAccount | None:
        """The first that may be asked again; None when there is none at all."""
        return min(accounts, key=lambda one: self._rests_until.get(one.id, 0.0), default=None)

    def nap(self, accounts: Sequence[UpstreamAccount]) -> float:
        """Seconds until the first of them may be asked again."""
        now = time.monotonic()
        ends = [self._rests_until.get(one.id, 0.0) for one in accounts]
        return max(0.0, min(ends, default=now + self._longest_nap) - now)

    def served(self, account: UpstreamAccount, calls: int) -> None:
        """So many (≥ 1) of its permits were used."""
        price = price_of_turn(calls * _SCALE, account.account.believed_limit)
        self._passes[account.id.hex] = self._passes.get(account.id.hex, 0) + price

    def answered(self, account: UpstreamAccount, answer: Answer) -> None:
        """What its limiter said: when it may have more, be it for the limit, for the calls in flight
        or for the circuit breaker, and when the permits open that it gave.
        """
        self.rests(account, answer.wait)
        self._opens_at[account.id] = time.monotonic() + max(answer.opens, default=0.0)

    def rests(self, account: UpstreamAccount, seconds: float) -> None:
        """It has nothing for anybody that long; it is asked after a nap at the latest."""
        self._rests_until[account.id] = time.monotonic() + min(seconds, self._longest_nap)

    def able(self, account: UpstreamAccount) -> None:
        """It may be asked at once: permits have gone back."""
        self._rests_until.pop(account.id, None)
        self._opens_at.pop(account.id, None)
