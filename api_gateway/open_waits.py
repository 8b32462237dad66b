"""How many reads of each tenant wait, and how often each of them therefore looks at its row."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

READ_AGAIN_SECONDS = 2.0
"""A hint may be lost, so a waiting read looks at the row this often."""
LOOKS_PER_SECOND = 500
"""For all waiting reads of one tenant: thousands of them would else leave no time for others."""


class OpenWaits:
    """Counts them. To be used in the event loop alone."""

    def __init__(self) -> None:
        self._open: Counter[UUID] = Counter()

    @contextmanager
    def one_more(self, tenant_id: UUID) -> Iterator[None]:
        """A read of this tenant waits while this is entered."""
        self._open[tenant_id] += 1
        try:
            yield
        finally:
            self._open[tenant_id] -= 1
            if not self._open[tenant_id]:
                del self._open[tenant_id]

    def pause(self, tenant_id: UUID, least: float = READ_AGAIN_SECONDS) -> float:
        """Seconds until a waiting read of this tenant looks again if it hears nothing, ≥ `least`."""
        return max(least, self._open[tenant_id] / LOOKS_PER_SECOND)
