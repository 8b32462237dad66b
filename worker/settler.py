"""The settler: what calls came to is committed together, for all slots that have something just now."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from db.rows import Moved, Settlement
from db.runs import RunStore
from jobs.errors import Unavailable
from worker.hints import Hints
from worker.limiter import Limiter
from worker.together import Failed, Together

log = structlog.get_logger()

MOST_AT_ONCE = 100
"""Settlements in one commit: more would make the first wait without making the rest cheaper."""


_MOVED = (Moved.YES, Moved.WITHOUT_IMAGES)


@dataclass(frozen=True)
class Left:
    """A call left `after` seconds from when its permit was granted by its account's limiter."""

    limiter: Limiter
    permit: str
    after: float


class Settler:
    """Commits, then tells who waits. On its way it tells the limiters which calls have left."""

    def __init__(self, runs: RunStore, hints: Hints) -> None:
        self._runs = runs
        self._hints = hints
        self._together = Together(self._settle, MOST_AT_ONCE)

    def settle(self, settlement: Settlement, left: Left | None = None) -> Moved:
        """`RunStore.settle`; `left` is to be told once. Raises `Unavailable`."""
        return self._together.do((settlement, left))

    def tell_limiter(self, calls: Sequence[Left]) -> None:
        """Which calls have left; each to be told once. Never fails."""
        by_limiter: dict[Limiter, list[Left]] = defaultdict(list)
        for one in calls:
            by_limiter[one.limiter].append(one)
        for limiter, left in by_limiter.items():
            try:
                limiter.sent(*((one.permit, one.after) for one in left))
            except Unavailable:
                log.warning("limiter_unavailable", permits=len(left))  # they count for longer

    def _settle(self, group: Sequence[tuple[Settlement, Left | None]]) -> Sequence[Moved | Failed]:
        self.tell_limiter([left for _, left in group if left is not None])
        results = self._runs.settle_many([settlement for settlement, _ in group])
        self._hints.moved(
            *(
                (settlement.job_id, settlement.decision.state)
                for (settlement, _), moved in zip(group, results, strict=True)
                if moved in _MOVED
            )
        )
        return [Failed(one) if isinstance(one, Exception) else one for one in results]
