"""Which account is asked for permits next.

Nobody is asked before the moment that it named itself, at most a nap later: so where the first can
serve it costs one trip to Redis, however many accounts there are. Among those that may be asked it
is stride scheduling (`jobs/order.py`), with their limits as weights: of two accounts the one that
may do twice as much is asked twice as often.
"""

import time
from collections.abc import Sequence
from uuid import UUID

from jobs.order import next_turn, price_of_turn
from worker.upstream_accounts import UpstreamAccount

_SCALE = 1_000_000
_HOLDING_LIFE = 3.0
"""Seconds for which the limiter believes how many tickets are held (`worker/limiter.lua`)."""


class AccountChoice:
    """Of the turnstile's head alone: not for several threads at once."""

    def __init__(self, longest_nap: float) -> None:
        """`longest_nap`: seconds after which an account is asked again, whatever it has said."""
        self._longest_nap = longest_nap
        self._rests_until: dict[UUID, float] = {}
        self._clock = 0
        self._passes: dict[str, int] = {}
        self._told: dict[UUID, tuple[int, float]] = {}

    def next(self, accounts: Sequence[UpstreamAccount]) -> UpstreamAccount | None:
        """Whose turn it is; None when all of them rest."""
        now = time.monotonic()
        able = {one.id.hex: one for one in accounts if self._rests_until.get(one.id, 0.0) <= now}
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
        price = price_of_turn(calls * _SCALE, account.account.call_limit)
        self._passes[account.id.hex] = self._passes.get(account.id.hex, 0) + price

    def rests(self, account: UpstreamAccount, seconds: float) -> None:
        """It has nothing for anybody that long; it is asked after a nap at the latest."""
        self._rests_until[account.id] = time.monotonic() + min(seconds, self._longest_nap)

    def able(self, account: UpstreamAccount) -> None:
        """It may be asked at once: permits have gone back."""
        self._rests_until.pop(account.id, None)

    def holds(self, account: UpstreamAccount, waiting: int) -> int:
        """How many tickets to tell this account's limiter that slots hold, so that all limiters
        together are told of `waiting`: each remembers for itself, and upkeep adds them up.
        """
        now = time.monotonic()
        others = sum(
            count
            for other, (count, until) in self._told.items()
            if other != account.id and until > now
        )
        share = max(0, waiting - others)
        self._told[account.id] = (share, now + _HOLDING_LIFE)
        return share
