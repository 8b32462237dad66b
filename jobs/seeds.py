"""The seed of an attempt. One that we choose finds a call again in the provider's history."""

from collections.abc import Callable

RANDOM = -1
"""What a caller sends to leave the seed to us (segmind-api §1)."""
LARGEST = 999_999_999_999_999


def for_attempt(asked: object, randint: Callable[[int, int], int]) -> int:
    """The caller's own seed, or a fresh one of 0..LARGEST where the caller gave -1 or none.

    About 50 random bits: among a million attempts two share a seed with a chance of 1 in 2000,
    and reconciliation compares all other inputs as well.
    """
    if isinstance(asked, int) and asked != RANDOM:
        return asked
    return randint(0, LARGEST)
