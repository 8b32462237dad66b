"""The limiter's model before the sandbox's windows, with a virtual clock: minutes in an instant.

Workers have more to do than they may. Each asks as the turnstile does, once for all slots that are
free, and naps a second at the most; calls take their time to get there, to be made and to be told.
"""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from jobs.arrival import arrived_within
from jobs.limiting import Ended, Limiting, Limits
from jobs.pace import SECOND
from sandbox.limits import FixedWindow, OutsideCalls, SlidingWindow, WindowKind, window_of

WINDOW = 60.0
_TO_REDIS = 0.001
_CLAIM = 0.006
_TO_SEGMIND = 0.003
_SETTLE = 0.01
_LONGEST_NAP = 1.0
_GUESS, _LONGEST = 30.0, 120.0
_ON_ITS_WAY, _SHORTEST = 0.25, 0.05
_MOST_AT_ONCE = 100
_DEADLINE = 120 * SECOND


@dataclass
class Provider:
    """A window of the sandbox; `limit` may change meanwhile, `cap`: calls in flight at the most."""

    limit: int
    kind: WindowKind
    outside: int = 0
    cap: int | None = None
    latency: float = 3.0
    states_resets: bool = True
    window: FixedWindow | SlidingWindow = field(init=False)
    others: OutsideCalls = field(init=False)
    in_flight: int = 0

    def __post_init__(self) -> None:
        self.window = window_of(self.kind, WINDOW)
        self.others = OutsideCalls(self.outside, 0.0)

    def admits(self, now: float) -> float | None:
        """None: yes; otherwise in how many seconds it says that it resets."""
        for moment in self.others.due(now, WINDOW):
            self.window.admit(moment, self.limit)
        if self.cap is not None and self.in_flight >= self.cap:
            return self.window.resets_in(now, self.limit)
        verdict = self.window.admit(now, self.limit)
        return None if verdict.admitted else verdict.resets_in


class Simulation:
    """`accepted` and `refused`: when calls reached the provider, in seconds."""

    def __init__(
        self, limits: Limits, provider: Provider, *, workers: int = 1, slots: int = 400
    ) -> None:
        self.model = Limiting.opened(limits, 0)
        self.provider = provider
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self._random = random.Random(1)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._names = map(str, count())
        self._free = [slots // workers] * workers
        self._asks = [True] * workers
        for worker in range(workers):
            self.at(0.001 * worker, lambda now, worker=worker: self._ask(now, worker))  # type: ignore[misc]  # bound now

    def at(self, moment: float, what: Callable[[float], None]) -> None:
        """Let that happen then."""
        heapq.heappush(self._events, (moment, next(self._order), what))

    def run(self, seconds: float) -> "Simulation":
        while self._events and self._events[0][0] <= seconds:
            now, _, what = heapq.heappop(self._events)
            what(now)
        return self

    def _ask(self, now: float, worker: int) -> None:
        self._asks[worker] = False
        if not self._free[worker]:
            return
        wanted = min(self._free[worker], _MOST_AT_ONCE)
        names = [next(self._names) for _ in range(wanted)]
        answer = self.model.ask(_us(now + _TO_REDIS / 2), names, _DEADLINE)
        for name, opens in zip(names, answer.opens, strict=False):
            self._free[worker] -= 1
            leaves = max(now + _TO_REDIS + opens / SECOND, now + _TO_REDIS + _CLAIM)
            call = _Call(self, worker, name, opened=now + opens / SECOND, sent=leaves)
            self.at(leaves + _TO_SEGMIND * self._random.uniform(0.5, 1.5), call.arrives)
        nap = _CLAIM if answer.opens else min(answer.wait / SECOND, _LONGEST_NAP)
        self._wake(now + _TO_REDIS + nap, worker)

    def _wake(self, moment: float, worker: int) -> None:
        if not self._asks[worker]:
            self._asks[worker] = True
            self.at(moment, lambda now: self._ask(now, worker))

    def free(self, now: float, worker: int) -> None:
        self._free[worker] += 1
        self._wake(now, worker)

    def latency(self) -> float:
        return self.provider.latency * self._random.lognormvariate(0, 0.25)


@dataclass
class _Call:
    of: Simulation
    worker: int
    name: str
    opened: float
    sent: float
    takes: float = 0.0

    def arrives(self, now: float) -> None:
        resets_in = self.of.provider.admits(now)
        if resets_in is None:
            self.of.accepted.append(now)
            self.of.provider.in_flight += 1
            self.takes = self.of.latency()
            self.of.at(now + 0.002 + self.takes + _TO_SEGMIND, self._answered)
        else:
            self.of.refused.append(now)
            resets_at = now + math.ceil(resets_in * 1000) / 1000  # as it is written
            self.of.at(now + _TO_SEGMIND, lambda now: self._refused(now, resets_at))

    def _answered(self, now: float) -> None:
        self.of.provider.in_flight -= 1
        way = arrived_within(now - self.sent, self.takes, 0.001)
        arrived = _us(self.sent + way - self.opened)
        told = _us(now + _TO_REDIS)
        self.of.model.answered(told, self.name, arrived, Ended.CLEAN, deadline=_DEADLINE)
        self.of.at(now + _SETTLE, lambda now: self.of.free(now, self.worker))

    def _refused(self, now: float, resets_at: float) -> None:
        wait = resets_at - now
        stated = self.of.provider.states_resets and -_ON_ITS_WAY <= wait <= _LONGEST
        pause = max(wait, _SHORTEST) if stated else _GUESS
        self.of.model.refused(_us(now + _TO_REDIS), self.name, _us(pause), stated=stated)
        self.of.at(now + _SETTLE, lambda now: self.of.free(now, self.worker))


def _us(seconds: float) -> int:
    return round(seconds * SECOND)


def per_window(times: list[float], windows: int, since: float = 0.0) -> list[int]:
    """How many fell into each of so many windows."""
    found = [0] * windows
    for moment in times:
        index = math.floor((moment - since) / WINDOW)
        if 0 <= index < windows:
            found[index] += 1
    return found
