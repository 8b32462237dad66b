"""What is believed of an account's limit, and how 429s and clean windows change it.

The executable specification of `worker/learning.lua`. A *refusal* tells the limit at that moment: as
many calls as the provider had accepted in its window. It is *expected* where more was being tried
than was known to be good, and a surprise elsewhere: then the limit has fallen, somebody else uses
the key, or it is no limit of calls in a window at all.

Upward there are two ways. A *ramp* doubles the rate every eighth of a window, with next to no
bursts: it looks for a limit that nobody knows yet, or goes back to one that was good. A *trial* adds
`inc` calls to a limit that was met, and a failed one waits for some clean windows until the next.

Times are integers in microseconds; limits are calls in a window.
"""

from dataclasses import dataclass

from jobs.pace import SECOND

STEPS = 8
"""Doublings of a ramp in one window."""
FIRST_WAIT, WAIT, LOW_WAIT = 5, 4, 2
"""Clean full windows between a failed try and the next: after a search, after others, and while the
belief is not half of what was good. One refusal in five windows is 3 of 1,000 calls at 60 a window,
and a limit that has risen again is used within eight windows."""
ASKED_WITHIN = 2 * SECOND
"""Who waits asks again by then: after a longer silence a step's calls say nothing."""
MOST_MISSES = 16
"""So many tries in vain, and what was good before is forgotten."""


@dataclass
class Belief:
    """What the limiter keeps to, and on which grounds."""

    belief: int
    """Calls in any window."""
    good: int = 0
    """What was met or kept to last in a clean full window; 0: never refused, nobody knows."""
    rate: int = 0
    """Of a ramp: calls a window that leave now; 0: no ramp."""
    target: int = 0
    """Where the ramp ends."""
    step_at: int = 0
    step_calls: int = 0
    """When the ramp last doubled, and the permits since that were not given back."""
    inc: int = 1
    """Calls that the next trial adds, or this one did."""
    extra: int = 0
    """Of them, those that are still to be added."""
    trial: int = 0
    wait: int = 1
    """Clean full windows until the next try."""
    clean: int = 0
    since: int = 0
    """When the clean window that is under way began."""
    episode: int = 0
    """When the last pause was told of: 429s of calls from before it are of the same one."""
    was: int = 0
    was_good: int = 0
    expected: int = 0
    """What stood before the last episode."""
    misses: int = 0
    revision: int = 0
    """Counts what is to be written down: the account row holds the highest."""


def unlearned(limit: int, ceiling: int, now: int) -> Belief:
    """Nothing learned: a limit that is its own ceiling is believed, another is only a start."""
    if limit >= ceiling:
        return Belief(ceiling, ceiling, since=now)
    return ramped(Belief(limit, since=now), limit, ceiling, now)


def remembered(belief: int, good: int, revision: int, ceiling: int, now: int) -> Belief:
    """What an account row remembers."""
    found = Belief(min(belief, ceiling), min(good, ceiling), revision=revision, since=now)
    return found if good else ramped(found, found.belief, ceiling, now)


def ramped(known: Belief, rate: int, target: int, now: int) -> Belief:
    """`known`, in a ramp from now on."""
    known.rate, known.target, known.step_at, known.step_calls = max(1, rate), target, now, 0
    known.trial = known.extra = 0
    return known


def refused(known: Belief, accepted: int, *, same: bool, until: int, now: int) -> None:
    """A 429: so many calls were accepted in its window. `same`: of the pause that is known.

    The pause ends at `until`.
    """
    if not same:
        known.episode = now
        known.was, known.was_good = known.belief, known.good
        # A trial that was taken for a success may meet the end of the provider's window still.
        tries = known.trial > 0 or known.wait == 0
        known.expected = int(tries or 0 < known.belief <= known.rate)
    accepted = max(1, accepted)
    known.belief = min(known.was, known.belief, accepted) if same else min(known.was, accepted)
    known.good = known.was_good
    known.rate = known.trial = known.extra = known.clean = 0
    known.since = max(now, until)
    if known.expected:
        if accepted * 2 >= known.was_good:
            known.good = known.belief
        _missed(known, same=same)
    else:
        known.wait = 1
        if accepted * 2 < known.was:
            # How far it has fallen nobody knows, and it may be no limit of calls in a window.
            ramped(known, known.belief // STEPS, known.was_good, max(now, until))
    known.revision += 1


def _missed(known: Belief, *, same: bool) -> None:
    if known.was_good == 0:
        known.wait = FIRST_WAIT
    elif known.belief * 2 <= known.good:
        known.wait = LOW_WAIT
    else:
        known.wait = WAIT
    known.inc = 1
    if not same:
        known.misses += 1
    if known.misses >= MOST_MISSES:
        known.good, known.misses = known.belief, 0


def grow(known: Belief, ceiling: int, window: int, now: int, *, full: bool) -> bool:
    """Calls had to wait for the pace or the window; `full`: the window holds all that it may.

    Whether more may leave now.
    """
    before = known.rate, known.belief
    if known.rate:
        _climb(known, ceiling, window, now)
    elif known.extra:
        if now - known.since >= window // 2 // known.inc:
            _add_one(known, now)
    elif full and now - known.since >= window:
        _window_was_clean(known, ceiling, now)
    return (known.rate, known.belief) != before


def _climb(known: Belief, ceiling: int, window: int, now: int) -> None:
    step = window // STEPS
    if now - known.step_at < step:
        return
    used = known.step_calls * 4 >= known.rate // STEPS * 3
    in_time = now - known.step_at < max(2 * step, step + ASKED_WITHIN)
    known.step_at, known.step_calls = now, 0
    if not (used and in_time):
        return
    known.rate = min(2 * known.rate, ceiling)
    if known.rate > known.belief:
        known.belief = min(known.rate, known.target)
        known.revision += 1
    if known.rate >= known.target:
        known.rate, known.since = 0, now


def _window_was_clean(known: Belief, ceiling: int, now: int) -> None:
    known.since = now
    if known.trial:
        known.trial, known.inc, known.wait, known.misses = 0, 2 * known.inc, 0, 0
    known.good = max(known.good, known.belief)
    known.clean += 1
    if known.belief >= ceiling or known.clean <= known.wait:
        return
    known.clean = 0
    if known.belief < known.good:
        ramped(known, known.belief, known.good, now)
    else:
        known.trial = 1
        known.extra = min(known.inc, ceiling - known.belief)
        _add_one(known, now)


def _add_one(known: Belief, now: int) -> None:
    known.belief += 1
    known.extra -= 1
    known.since = now
    known.revision += 1
