"""A batch with all that is shown of it, for its routes."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api_gateway.batches.batch_json import Kind, View, document
from api_gateway.parts import Parts, parts_of
from api_gateway.showing import base_of
from db.batch_views import BatchViews, Seen
from db.rows import NewJob
from jobs.catalog import MODELS
from jobs.money import Money
from jobs.states import State


async def show(request: Request, tenant: UUID, batch_id: UUID) -> dict[str, Any]:
    """The batch as JSON. Raises `NotFound`."""
    parts = parts_of(request)
    seen = await run_in_threadpool(BatchViews(parts.database).see, tenant, batch_id)
    return document(view_of(seen, await _end(parts, seen)), base_of(request))


def view_of(seen: Seen, ends_at: datetime | None = None) -> View:
    """As it is shown; `ends_at`: when its last job is to end."""
    kinds = []
    for kind, count in seen.counts.kinds.items():
        example, error = seen.examples.get(kind, (None, {}))
        kinds.append(Kind(kind, count, example, error.get("message")))
    return View(
        seen.batch, seen.counts, seen.rejected, seen.pace, seen.pause, tuple(kinds), ends_at
    )


async def _end(parts: Parts, seen: Seen) -> datetime | None:
    """When the last of its queued jobs is to end, if nobody else comes; None: nobody can know."""
    model = MODELS.get(str(seen.batch.defaults.get("model")))
    queued = seen.counts.of(State.QUEUED)
    if not queued.jobs or model is None or seen.pause is not None:
        return None
    view = await parts.forecasts.view(seen.batch.pool, seen.batch.tenant_id)
    last = NewJob(
        seen.batch.tenant_id,
        seen.batch.pool,
        model.slug,
        {},
        Money(queued.estimate // queued.jobs),
        priority=seen.batch.priority,
        group=seen.batch.group,
    )
    own = view.queue.before(last.priority.rank, last.group, queued.jobs - 1, all_counted=True)
    waiting = await parts.waiting.of(last)
    outlook = view.pool.outlook(view.before(own), last.estimate, model.slug, waiting)
    if outlook.starts_at is None:
        return None
    return outlook.starts_at + timedelta(seconds=model.typical_seconds)
