"""What this process is doing with tasks: how many it has in hand, and when it took the last one."""

import time
from threading import Lock
from typing import Any

from celery import signals


class Progress:
    """Counts by Celery's own signals, so that no task has to know."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_hand = 0
        self._taken_at = time.monotonic()

    def follow(self) -> None:
        """Begin to count."""
        signals.task_prerun.connect(self._taken, weak=False)
        signals.task_postrun.connect(self._done, weak=False)

    @property
    def in_hand(self) -> int:
        return self._in_hand

    @property
    def taken_at(self) -> float:
        """`time.monotonic` of the last task taken; of the start before the first."""
        return self._taken_at

    def _taken(self, **_: Any) -> None:
        with self._lock:
            self._in_hand += 1
            self._taken_at = time.monotonic()

    def _done(self, **_: Any) -> None:
        with self._lock:
            self._in_hand -= 1
