"""When a call reached the provider's counter: somewhere between its send and its answer."""

from jobs.pace import JITTER, SECOND

LONGEST = JITTER / SECOND
_CLOCKS = 0.005
"""Seconds: two clocks of two machines count the same while differently."""


def arrived_within(seconds: float, generation: float | None, step: float = 0.01) -> float:
    """At the latest so many seconds after it was sent, 0 to `LONGEST`.

    `seconds` from send to answer; `generation`: those that the provider says that it worked, which
    began once the call was counted, told in steps of `step`.
    """
    waited = seconds if generation is None else seconds - generation + step + _CLOCKS
    # What cannot be, as where a clock was set meanwhile, says nothing.
    return min(waited, LONGEST) if waited >= 0 else LONGEST
