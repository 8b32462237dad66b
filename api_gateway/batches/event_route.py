"""What becomes of a batch, as it happens: server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from api_gateway import query
from api_gateway.auth import Reader, tenant_asking
from api_gateway.batches.views import show
from api_gateway.job_answer import text_of
from api_gateway.openapi import refuses
from api_gateway.parts import parts_of
from jobs.errors import Unavailable
from jobs.scopes import Scope

router = APIRouter(tags=["batches"])

LOOK_SECONDS = 1.0
"""Between two looks of one stream; more where the tenant has very many open."""
SILENCE_SECONDS = 15.0
"""After so long a comment is sent: proxies end what says nothing."""
_OVER = frozenset({"finished", "canceled"})


@router.get(
    "/api/v1/batches/{batch_id}/events",
    summary="Follow a batch",
    response_class=Response,
    responses={
        200: {"description": "Events until it is over", "content": {"text/event-stream": {}}},
        **refuses(401, 404, 422, 503),
    },
)
async def events(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """An event `batch` with the batch as it is, at once and whenever that changes, at most once a
    second. The stream ends behind the one that says `finished` or `canceled`.
    """
    query.none(request)
    first = await show(request, tenant, batch_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    content = _events(request, tenant, batch_id, first)
    return StreamingResponse(content, headers=headers, media_type="text/event-stream")


async def _events(
    request: Request, tenant: UUID, batch_id: UUID, first: dict[str, Any]
) -> AsyncIterator[bytes]:
    waits = parts_of(request).open_waits
    told: str | None = None
    silent = 0.0
    shown: dict[str, Any] | None = first
    with waits.one_more(tenant):
        while True:
            if shown is not None and (now := text_of(_without_times(shown))) != told:
                yield f"event: batch\ndata: {text_of(shown)}\n\n".encode()
                told, silent = now, 0.0
                if shown["state"] in _OVER:
                    return
            elif silent >= SILENCE_SECONDS:
                yield b": still there\n\n"
                silent = 0.0
            pause = waits.pause(tenant, LOOK_SECONDS)
            await asyncio.sleep(pause)
            silent += pause
            try:
                # A key that was revoked in the meantime sees no more.
                await tenant_asking(request, Scope.READ)
                shown = await show(request, tenant, batch_id)
            except Unavailable:
                shown = None  # the database is away: what it says next is told


def _without_times(shown: dict[str, Any]) -> dict[str, Any]:
    """The forecast moves with every look; by itself it is no news."""
    return {name: value for name, value in shown.items() if name != "estimated_end"}
