"""How long a tenant's data is kept: it is asked for with each job that is shown, and seldom changes."""

from uuid import UUID

from starlette.concurrency import run_in_threadpool

from api_gateway.remembered import Remembered
from db.keeping import Keeping
from jobs.retention import Keeps

_REMEMBERED_SECONDS = 3.0


class KeptTimes:
    """What is shown is at most three seconds old; nothing is removed so soon after a change."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._tenants = Remembered(self._look)

    async def of(self, tenant_id: UUID) -> Keeps:
        """The times that hold for the jobs of a tenant."""
        return await self._tenants.of(tenant_id)

    async def _look(self, tenant_id: UUID) -> tuple[Keeps, float]:
        return await run_in_threadpool(self._keeping.of, tenant_id), _REMEMBERED_SECONDS
