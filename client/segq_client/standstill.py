"""Whether a batch that is looked at now and then will go on by itself."""

import time
from collections.abc import Callable, Mapping

from segq_client.batch import Batch
from segq_client.job import FINAL_STATES, IN_DOUBT

_DOUBT_SECONDS = 60.0
"""So long doubts may end by themselves: the calls are looked for, and most are found soon."""


class Standstill:
    """Of one batch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: Mapping[str, int] = {}
        self._since = clock()

    def seen(self, batch: Batch) -> str | None:
        """Why nothing of it will move unless somebody resumes it, or ends doubts; None: it may.

        It was stopped after failures and none of its calls is under way, or for a minute nothing
        has changed and all of its jobs have ended but those in doubt.
        """
        if batch.counts != self._counts:
            self._counts, self._since = batch.counts, self._clock()
        by = (batch.raw.get("pause") or {}).get("by")
        if by == "stop_after_n" and not batch.counts.get("running"):
            return f"it pauses: {batch.pause_note}"
        left = {one for one, count in batch.counts.items() if count and one not in FINAL_STATES}
        if left != {IN_DOUBT} or batch.state == "open":
            return None
        if self._clock() - self._since < _DOUBT_SECONDS:
            return None
        return f"of its jobs only those in doubt have not ended: {batch.counts[IN_DOUBT]:,}"
