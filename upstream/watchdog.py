"""Ends calls at their deadline.

A socket timeout bounds one read; a server that sends a byte now and then never meets it. So one
thread per client sleeps until the earliest deadline and shuts that call's socket down.
"""

import heapq
import itertools
import threading
import time

from upstream.call import Call


class Watchdog:
    """Starts its thread with the first call. `close` lets calls under way keep their deadline."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Call]] = []
        self._numbers = itertools.count()
        self._wakes_at = float("inf")
        self._thread: threading.Thread | None = None
        self._closing = False

    def watch(self, call: Call) -> None:
        """Will expire the call at its deadline unless it has ended."""
        with self._changed:
            self._drop_ended()
            heapq.heappush(self._heap, (call.expires, next(self._numbers), call))
            self._closing = False
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="segmind-deadlines", daemon=True
                )
                self._thread.start()
            elif call.expires < self._wakes_at:
                # Otherwise the thread wakes early enough anyway: no wake-up for every call.
                self._changed.notify()

    def close(self) -> None:
        """Returns at once; the thread ends by the last deadline of the calls under way."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def _run(self) -> None:
        while (due := self._next_due()) is not None:
            for call in due:
                call.expire()

    def _next_due(self) -> list[Call] | None:
        """Waits for deadlines; None when there is nothing left to do."""
        with self._changed:
            self._drop_ended()
            if self._closing and not self._heap:
                self._thread = None
                return None
            self._wakes_at = self._heap[0][0] if self._heap else float("inf")
            wait = self._wakes_at - time.monotonic() if self._heap else None
            if wait is None or wait > 0:
                self._changed.wait(wait)
            now = time.monotonic()
            due = []
            while self._heap and self._heap[0][0] <= now:
                due.append(heapq.heappop(self._heap)[2])
            return due

    def _drop_ended(self) -> None:
        # Only from the top: deadlines of a client are alike, so the oldest stands there.
        while self._heap and self._heap[0][2].ended:
            heapq.heappop(self._heap)
