"""The provider's windows, out of its ledger: what came through in each, and what could have.

A fixed window begins at the first call after the last has ended, a second client's calls included;
of a sliding one consecutive spans are looked at. The ledger does not have the second client's
calls: when they came is known, and how they were judged follows from all that came before.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import count, takewhile

from benchmarks.rates.cells import WindowKind

_NEAR = 0.9
"""Of a window: from then on its end is near."""


@dataclass(frozen=True)
class Call:
    """When it came, by the wall clock in seconds, and whether the limit let it in."""

    at: float
    accepted: bool


@dataclass
class Span:
    """A window: `accepted` and `refused` are the ledger's calls, `limit` what held when it began.

    `outside`: how many of the second client's calls were let in.
    """

    began: float
    limit: int
    accepted: int = 0
    refused: int = 0
    outside: int = 0

    @property
    def left(self) -> int:
        """What the second client left of the limit."""
        return self.limit - self.outside

    @property
    def share(self) -> float:
        """Of what was left; 1.0 where nothing was."""
        return self.accepted / self.left if self.left > 0 else 1.0


@dataclass(frozen=True)
class Provider:
    """`limits`: from when on how many calls a window were allowed, in order. `outside`: a second
    client's calls a minute, evenly from `outside_since` on.
    """

    kind: WindowKind
    seconds: float
    limits: Sequence[tuple[float, int]]
    outside: int = 0
    outside_since: float = 0.0

    def limit(self, at: float) -> int:
        """What was allowed then; before the first change, what it says."""
        return self.limits[max(0, bisect_right(self.limits, at, key=lambda one: one[0]) - 1)][1]

    def phase(self, spans: Sequence[Span], n: int) -> list[Span]:
        """Those of the windows that lie wholly within the n-th of `limits`; -1 is the last."""
        begins = self.limits[n][0]
        following = self.limits[n + 1 :] if n >= 0 else ()
        ends = following[0][0] if following else math.inf
        return [one for one in spans if begins <= one.began and one.began + self.seconds <= ends]

    def outside_calls(self, until: float) -> Iterator[float]:
        """When the second client's calls came."""
        if not self.outside:
            return iter(())
        times = (self.outside_since + n * 60 / self.outside for n in count())
        return takewhile(lambda at: at < until, times)


@dataclass
class _Judge:
    """Goes through all calls in order, as the provider did."""

    provider: Provider
    spans: list[Span] = field(default_factory=list)
    _inside: deque[float] = field(default_factory=deque)

    def own(self, call: Call) -> None:
        # A refused call opens no fixed window: the first one would have been let in.
        self._go_to(call.at, opens=call.accepted)
        if not call.accepted:
            self.spans[-1].refused += 1
            return
        self._span_of_accepted(call.at).accepted += 1
        self._inside.append(call.at)

    def other(self, at: float) -> None:
        self._go_to(at, opens=True)
        span = self.spans[-1]
        if self._counted(at, span) < self.provider.limit(at):
            span.outside += 1
            self._inside.append(at)

    def idle_until(self, at: float) -> None:
        """Windows in which nothing came. Of a fixed one only whole ones: it begins with a call."""
        ahead = 2 if self.provider.kind == "fixed" else 1
        while self.spans and at >= self.spans[-1].began + ahead * self.provider.seconds:
            self._begin(self.spans[-1].began + self.provider.seconds)

    def _go_to(self, at: float, *, opens: bool) -> None:
        if not self.spans:
            self._begin(at)
        self.idle_until(at)
        over = at >= self.spans[-1].began + self.provider.seconds
        if over and opens and self.provider.kind == "fixed":
            self._begin(at)

    def _span_of_accepted(self, at: float) -> Span:
        """The last, or its neighbour, where it is full: the ledger has when a call came, and it was
        judged some milliseconds later.
        """
        span = self.spans[-1]
        full = span.accepted + span.outside >= self.provider.limit(at)
        if self.provider.kind == "sliding" or not full:
            return span
        if at >= span.began + _NEAR * self.provider.seconds:
            self._begin(at)
            return self.spans[-1]
        before = self.spans[-2] if len(self.spans) > 1 else span
        return before if before.accepted + before.outside < before.limit else span

    def _counted(self, at: float, span: Span) -> int:
        if self.provider.kind == "fixed":
            return span.accepted + span.outside
        while self._inside and at >= self._inside[0] + self.provider.seconds:
            self._inside.popleft()
        return len(self._inside)

    def _begin(self, at: float) -> None:
        self.spans.append(Span(at, self.provider.limit(at)))


def whole_windows(calls: Sequence[Call], provider: Provider, until: float) -> list[Span]:
    """The windows that had ended when the ledger was read, at `until`."""
    judge = _Judge(provider)
    own = ((call.at, call) for call in sorted(calls, key=lambda one: one.at))
    since = 0.0 if provider.kind == "fixed" else min((call.at for call in calls), default=until)
    others = ((at, None) for at in provider.outside_calls(until) if at >= since)
    for at, call in merge(own, others, key=lambda one: one[0]):
        if call is None:
            judge.other(at)
        else:
            judge.own(call)
    judge.idle_until(until)
    return [span for span in judge.spans if span.began + provider.seconds <= until]
