"""How fast calls may leave one account: the executable specification of `worker/limiter.lua`.

Two rules hold at once. The *window*: never more than `limit` calls in any `window`, wherever the
provider's own window begins, so fixed and sliding ones are both served. The *pace* (GCRA): after a
short burst, calls leave evenly, so that the last tenth of a window is not silence.

Times are integers in microseconds of one clock (Redis's). Cases in `tests/worker/pace_cases.py` are
run against this model and against the script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

SECOND = 1_000_000

PERMIT_LIFE = 1 * SECOND
"""An unused permit may not be used later than this after it was granted."""
SEND_GUARD = 5 * SECOND
"""The longest time between a claim and the first byte to the socket."""
JITTER = SECOND // 4
"""How much later than it was sent a call may reach the provider's counter."""
SLACK = PERMIT_LIFE + SEND_GUARD + JITTER
"""A granted call counts this much longer than a window, until it is known when it was sent."""


@dataclass(frozen=True)
class Allowance:
    """What an account may do: `limit` calls (≥ 1) in any `window` of microseconds."""

    limit: int
    window: int = 60 * SECOND

    @property
    def interval(self) -> int:
        return -(-self.window // self.limit)

    @property
    def burst(self) -> int:
        """Calls that may leave at once after a rest: a tenth of the window's, at least one."""
        return max(1, self.limit // 10)


@dataclass(frozen=True)
class Pace:
    """What is remembered of an account: when each recent call stops counting, by permit."""

    due: int = 0
    """GCRA's theoretical arrival time of the next call."""
    calls: Mapping[str, int] = field(default_factory=dict)
    paused_until: int = 0


@dataclass(frozen=True)
class Answer:
    """The first `granted` of the permits asked for are given; the next may be asked for in `wait`."""

    granted: int
    wait: int = 0


def ask(pace: Pace, allowance: Allowance, now: int, permits: Sequence[str]) -> tuple[Pace, Answer]:
    """Ask for as many permits as names are given; fewer may be granted."""
    calls = {permit: until for permit, until in pace.calls.items() if until > now}
    due = max(pace.due, now)
    early = (allowance.burst - 1) * allowance.interval
    granted, wait = 0, 0
    for permit in permits:
        wait = max(
            pace.paused_until - now,
            due - early - now,
            _window_frees(calls, allowance) - now,
            0,
        )
        if wait:
            break
        calls[permit] = now + allowance.window + SLACK
        due += allowance.interval
        granted += 1
    return replace(pace, due=due, calls=calls), Answer(granted, wait)


def _window_frees(calls: Mapping[str, int], allowance: Allowance) -> int:
    """When fewer than `limit` calls will count; 0 when so already."""
    excess = len(calls) - allowance.limit
    return sorted(calls.values())[excess] if excess >= 0 else 0


def sent(pace: Pace, permit: str, after: int) -> Pace:
    """The permit's call left `after` microseconds from its grant: from then on its window runs."""
    if permit not in pace.calls:
        return pace
    early = max(0, SLACK - JITTER - after)
    return replace(pace, calls={**pace.calls, permit: pace.calls[permit] - early})


def give_back(pace: Pace, allowance: Allowance, permit: str) -> Pace:
    """The permit's call never left: it counts no more."""
    if permit not in pace.calls:
        return pace
    calls = {name: until for name, until in pace.calls.items() if name != permit}
    return replace(pace, calls=calls, due=pace.due - allowance.interval)


def pause(pace: Pace, until: int) -> Pace:
    """No permit before `until`. A pause is only ever made longer here."""
    return replace(pace, paused_until=max(pace.paused_until, until))
