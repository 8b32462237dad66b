"""What a tenant may be told: its name, its weight, its caps and how long it keeps what, with their
bounds.
"""

import re
from datetime import timedelta
from types import MappingProxyType

from jobs.retention import LEAST, MOST

_SECOND = timedelta(seconds=1)
LONGEST_NAME = 100
LONGEST_GROUP = 200
"""Characters, of a tenant's name and of a group's."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)

BOUNDS = MappingProxyType(
    {"weight": (1, 1_000), "max_queued": (1, 10_000_000), "max_running": (1, 100_000)}
)
"""Both ends are allowed. A weight counts beside the others' weights; caps are numbers of jobs."""


def complaint_of_name(name: str) -> str | None:
    """Why a new tenant cannot be called so; None when it can."""
    if len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        return None
    return (
        f"must be up to {LONGEST_NAME} of letters, digits, '.', '_' and '-', beginning with a "
        "letter or digit"
    )


def complaint_of_limit(name: str, value: int) -> str | None:
    """Why a limit (one of `BOUNDS`, or of `jobs.retention.LEAST` in seconds) cannot be this; None
    when it can.
    """
    if name in LEAST:
        low, high = LEAST[name] // _SECOND, MOST // _SECOND
        fits = value == 0 or low <= value <= high
        return None if fits else f"must be 0, for ever, or {low:,} to {high:,} seconds"
    low, high = BOUNDS[name]
    return None if low <= value <= high else f"must be a whole number from {low:,} to {high:,}"


def complaint_of_group(name: str) -> str | None:
    """Why no group can be called so; None when one can."""
    return None if len(name) <= LONGEST_GROUP else f"must have at most {LONGEST_GROUP} characters"
