"""How the provider's rate window is: fixed or sliding. Inferred from the resets that answers state.

A fixed window states the same reset again and again, and a whole window later once it has passed. A
sliding one states when its oldest call leaves, so its reset moves by the time between two calls.
Nothing depends on it: the limiter keeps to a rule that holds for both. It is shown.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

_ROUNDING = 1.5
"""Seconds by which one reset may be told differently: some formats know whole seconds."""
_SURE = 2
_MOST = 6
_FURTHEST = 2
"""Windows: a reset that is further ahead is of no such window, and all later ones lie before it."""


class WindowKind(StrEnum):
    """As it is kept with the account."""

    FIXED = "fixed"
    SLIDING = "sliding"


@dataclass(frozen=True)
class Resets:
    """The resets seen so far: the last one (seconds), and what they spoke for. `votes` > 0: fixed."""

    last: float | None = None
    votes: int = 0

    @property
    def kind(self) -> WindowKind | None:
        """None: nobody can say yet."""
        if abs(self.votes) < _SURE:
            return None
        return WindowKind.FIXED if self.votes > 0 else WindowKind.SLIDING


def seen(before: Resets, reset: float, now: float, window: float) -> Resets:
    """An answer at `now` stated this reset. All in seconds, the first two of the provider's clock."""
    if reset > now + _FURTHEST * window:
        return before
    if before.last is None or reset < before.last:
        # Answers overtake each other: an older one tells nothing.
        return before if before.last is not None else Resets(reset)
    step = reset - before.last
    if step <= min(_ROUNDING, window / 4):
        return before
    jumped = now >= before.last - _ROUNDING and step >= window / 2
    votes = before.votes + (1 if jumped else -1)
    return replace(before, last=reset, votes=max(-_MOST, min(_MOST, votes)))
