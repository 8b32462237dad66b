"""The settler: what calls came to is committed together, for all slots that have something just now."""

from collections.abc import Sequence

from db.rows import Moved, Settlement
from db.runs import RunStore
from worker.hints import Hints
from worker.together import Failed, Together

MOST_AT_ONCE = 100
"""Settlements in one commit: more would make the first wait without making the rest cheaper."""


_MOVED = (Moved.YES, Moved.WITHOUT_IMAGES)


class Settler:
    """Commits, then tells who waits."""

    def __init__(self, runs: RunStore, hints: Hints) -> None:
        self._runs = runs
        self._hints = hints
        self._together = Together(self._settle, MOST_AT_ONCE)

    def settle(self, settlement: Settlement) -> Moved:
        """`RunStore.settle`. Raises `Unavailable`."""
        return self._together.do(settlement)

    def _settle(self, group: Sequence[Settlement]) -> Sequence[Moved | Failed]:
        results = self._runs.settle_many(list(group))
        self._hints.moved(
            *(
                (settlement.job_id, settlement.decision.state)
                for settlement, moved in zip(group, results, strict=True)
                if moved in _MOVED
            )
        )
        return [Failed(one) if isinstance(one, Exception) else one for one in results]
