"""Which account of a pool a process asks for permits next.

Nobody is asked before the moment that it named itself, at most a nap later: so where the first can
serve it costs one trip to Redis, however many accounts there are. One whose last permit has opened
goes before one that gave it ahead of its time. Among those that may be asked it is stride scheduling
(`jobs/order.py`), with what is believed of their limits as weights: of two accounts the one that may
do twice as much is asked twice as often.

Times are integers in microseconds of one clock; accounts are told by any name.
"""

from collections.abc import Iterable, Sequence

from jobs.order import next_turn, price_of_turn

_SCALE = 1_000_000


class AccountChoice:
    """One process's; it is changed in place, and not for several threads at once."""

    def __init__(self, longest_nap: int) -> None:
        """`longest_nap`: how long after it was asked an account is asked again, whatever it said."""
        self._longest_nap = longest_nap
        self._rests_until: dict[str, int] = {}
        self._opens_at: dict[str, int] = {}
        self._clock = 0
        self._passes: dict[str, int] = {}

    def next(self, accounts: Iterable[str], now: int) -> str | None:
        """Whose turn it is; None when all of them rest."""
        awake = [name for name in accounts if self._rests_until.get(name, now) <= now]
        at_once = [name for name in awake if self._opens_at.get(name, now) <= now]
        passes = {name: self._passes.get(name, 0) for name in at_once or awake}
        turn = next_turn(self._clock, passes)
        if turn is None:
            return None
        self._clock = turn.clock
        self._passes[turn.member] = turn.at
        return turn.member

    def soonest(self, accounts: Iterable[str]) -> str | None:
        """The first that may be asked again; None when there is none at all."""
        return min(accounts, key=lambda name: self._rests_until.get(name, 0), default=None)

    def nap(self, accounts: Iterable[str], now: int) -> int:
        """How long until the first of them may be asked again."""
        ends = (self._rests_until.get(name, now) for name in accounts)
        return max(0, min(ends, default=now + self._longest_nap) - now)

    def served(self, account: str, calls: int, believed: int) -> None:
        """So many (≥ 1) of its permits were used; `believed` is its limit (≥ 1 a window)."""
        price = price_of_turn(calls * _SCALE, believed)
        self._passes[account] = self._passes.get(account, 0) + price

    def answered(self, account: str, now: int, *, wait: int, opens: Sequence[int]) -> None:
        """What its limiter said: the permits that it gave open in so long, and it may have more in
        `wait`, be it for the limit, for the calls in flight or for the circuit breaker.
        """
        self.rests(account, now, wait)
        self._opens_at[account] = now + max(opens, default=0)

    def rests(self, account: str, now: int, wait: int) -> None:
        """It has nothing for anybody that long; it is asked after a nap at the latest."""
        self._rests_until[account] = now + min(wait, self._longest_nap)

    def able(self, account: str) -> None:
        """It may be asked at once: permits have gone back."""
        self._rests_until.pop(account, None)
        self._opens_at.pop(account, None)
