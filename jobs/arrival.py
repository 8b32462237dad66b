"""When a call reached the provider's counter: somewhere between its send and its answer."""

from jobs.pace import JITTER, SECOND

LONGEST = JITTER / SECOND
LONGEST_TOLD = 2 * LONGEST
"""Where it is told how long the provider worked. On a machine whose cores are all taken a call may be
counted later than `LONGEST`, and beyond the limit a window later if it is taken for earlier. What
takes longer than this is the provider's own queue, after it has counted."""
_CLOCKS = 0.005
"""Seconds: two clocks of two machines count the same while differently."""


def arrived_within(seconds: float, generation: float | None, step: float = 0.01) -> float:
    """At the latest so many seconds after it was sent, 0 to `LONGEST_TOLD`.

    `seconds` from send to answer; `generation`: those that the provider says that it worked, which
    began once the call was counted, told in steps of `step`.
    """
    if generation is None:
        waited, longest = seconds, LONGEST
    else:
        waited, longest = seconds - generation + step + _CLOCKS, LONGEST_TOLD
    # What cannot be, as where a clock was set meanwhile, says nothing.
    return min(waited, longest) if waited >= 0 else longest
