"""A POST that does something to a batch, and answers with it as it is then."""

from collections.abc import Callable
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway.batches.batch_json import document
from api_gateway.batches.views import view_of
from api_gateway.job_answer import text_of
from api_gateway.once import asked
from api_gateway.parts import parts_of
from api_gateway.showing import base_of
from db.batch_views import BatchViews
from db.idempotency import Answer

LARGEST_BODY = 64 * 1024
"""Bytes; a verb that takes no body still reads one, for its fingerprint."""


async def done(
    request: Request,
    tenant: UUID,
    batch_id: UUID,
    act: Callable[[], object],
    *,
    raw: bytes = b"",
    status: int = 200,
) -> Response:
    """Do `act` and keep its answer, in one commit. Raises what it raises, and `NotFound`."""
    async with asked(request, tenant, raw) as ask:
        if ask.replay is not None:
            return ask.replay
        views = BatchViews(parts_of(request).database)

        def work() -> tuple[None, Answer]:
            act()
            shown = document(view_of(views.see(tenant, batch_id)), base_of(request))
            return None, Answer(status, {"Cache-Control": "no-store"}, text_of(shown))

        return (await run_in_threadpool(ask.commit, work))[1]
