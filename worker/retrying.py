"""How long what a worker has in hand is tried to be kept and settled."""

from collections.abc import Iterator

from worker.stopping import stopping

LAST_TRIES = 5.0
"""Seconds that a worker which is told to stop goes on trying."""


def retry_delays() -> Iterator[float]:
    """Seconds between tries: 0.2 doubling to 5, for as long as the worker runs, then 5 s more."""
    delay, after_stop = 0.2, 0.0
    while after_stop < LAST_TRIES:
        yield delay
        after_stop += delay if stopping.is_set() else 0.0
        delay = 0.5 if stopping.is_set() else min(5.0, 2 * delay)
