"""The circuit breaker of one account: the specification of `worker/breaker.lua`.

Closed, calls go. Open, none goes until a while has passed; then one probe: its success closes, its
failure opens for twice as long. 406 and other 4xx are answers of a provider that works: they close it
too. A 429 says nothing of what stands behind the limit: after its pause there is another probe.
"""

from dataclasses import dataclass

from jobs.pace import SECOND

HALF = 10
"""Failures among the last twenty answers that open it."""
LONGEST = 600 * SECOND


@dataclass
class Breaker:
    """`open_for` 0: closed."""

    open_for: int = 0
    open_until: int = 0
    tester: str = ""
    """The permit of the probe under way."""


def answered(
    breaker: Breaker, permit: str, failures: int, *, failed: bool, opens: int, now: int
) -> bool:
    """A call was answered, `failures` of the last twenty failed. Whether that closed the breaker.

    It opens for `opens` the first time.
    """
    if breaker.open_for:
        if permit != breaker.tester:
            return False  # from before it opened
        breaker.tester = ""
        if not failed:
            breaker.open_for = breaker.open_until = 0
            return True
        breaker.open_for = min(2 * breaker.open_for, LONGEST)
        breaker.open_until = now + breaker.open_for
    elif failed and failures >= HALF:
        breaker.open_for, breaker.open_until = opens, now + opens
    return False


def given_back(breaker: Breaker, permit: str) -> None:
    """A permit was not used: another may be the probe."""
    if breaker.tester == permit:
        breaker.tester = ""
