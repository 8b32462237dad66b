"""How long data is kept: it is asked for with each job that is shown, and seldom changes."""

from uuid import UUID

from starlette.concurrency import run_in_threadpool

from api_gateway.remembered import Remembered
from db.keeping import Keeping
from db.rows import Job
from jobs.retention import Keeps

_REMEMBERED_SECONDS = 3.0


class KeptTimes:
    """What is shown is at most three seconds old; nothing is removed so soon after a change."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._known = Remembered(self._look)

    async def of(self, tenant_id: UUID) -> Keeps:
        """The times of a tenant."""
        return await self._known.of((tenant_id, None))

    async def of_job(self, job: Job) -> Keeps:
        """The times that hold for a job: its batch's, or its tenant's."""
        return await self._known.of((job.tenant_id, job.batch_id))

    async def _look(self, whose: tuple[UUID, UUID | None]) -> tuple[Keeps, float]:
        return await run_in_threadpool(self._keeping.of, *whose), _REMEMBERED_SECONDS
