"""When the n-th of the calls that wait leaves: by the accounts' pace, their pauses and the slots.

Times are seconds from now. The pace is that of `jobs/pace.py`, told in a line: after a rest a burst
leaves at once, and from then on a window's limit in a window and the way to the provider's counter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.pace import JITTER, SECOND


@dataclass(frozen=True)
class Flow:
    """One account's calls: `at_once` when it `opens`, and `per_second` (> 0) from then on."""

    per_second: float
    at_once: int = 0
    opens: float = 0.0
    """The end of its pause; 0: it does not pause."""


@dataclass(frozen=True)
class Slots:
    """The workers' slots: `count` (≥ 1), of which `free` are; a call holds one for `seconds`."""

    count: int
    free: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


def per_second(limit: int, window_seconds: float) -> float:
    """The pace of an account that allows `limit` calls in any window, when calls never lack."""
    return limit / (window_seconds + JITTER / SECOND)


def pace(flows: Sequence[Flow], slots: Slots) -> float:
    """Calls a second when all these accounts are open."""
    return min(sum(flow.per_second for flow in flows), slots.per_second)


def leaves_in(nth: int, flows: Sequence[Flow], slots: Slots) -> float:
    """When the `nth` call (≥ 1) leaves. There must be a flow."""
    in_turn = sorted(flows, key=lambda flow: flow.opens)
    begins = in_turn[0].opens
    for_a_slot = begins + max(0, nth - slots.free) / slots.per_second
    return max(for_a_slot, _allowed_in(nth, in_turn))


def _allowed_in(nth: int, flows: Sequence[Flow]) -> float:
    """When the accounts together allow so many calls; `flows` in the order in which they open."""
    # What those that are open have let go by a time t: at_once + rate * t, in sum.
    at_once, rate, moment = 0.0, 0.0, 0.0
    for number, flow in enumerate(flows, start=1):
        at_once += flow.at_once - flow.per_second * flow.opens
        rate += flow.per_second
        moment = max(flow.opens, (nth - at_once) / rate)
        if number == len(flows) or moment <= flows[number].opens:
            break
    return moment
