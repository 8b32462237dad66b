"""Serves one v2 call whose body has been read: let in, answered at once, run in a task of its own.

From the answer on nothing that the client does matters. QUEUED, then PROCESSING, then COMPLETED
or FAILED; a failed one is not charged.
"""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from sandbox.admission import Call, Started, enter, leave, start
from sandbox.exact_json import written
from sandbox.inference import InferenceFailedError, inferred
from sandbox.records import queued_record_of
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.settling import BROKEN, complete, fail, refuse


async def submit_call(
    service: Service, call: Call, client_gone: Callable[[], Awaitable[bool]]
) -> Response:
    """Start the request and say where it can be asked for (a refusal is an answer)."""
    row = call.row
    try:
        limit = enter(service, call)
        try:
            started = await start(service, call)
        except BaseException:
            leave(call.account)
            raise
    except RefusedError as refusal:
        row.client_gone = await client_gone()
        refuse(call, refusal.status)
        return refusal.response()
    service.run_submitted(_run(service, started))
    row.client_gone = await client_gone()
    # With a fault that spoils the answer, what the client gets is yet to come.
    row.status = 200 if row.fault is None or call.fails is not None else None
    return queued_answer(row.id, call.origin, limit)


def queued_answer(request_id: str, origin: str, limit: dict[str, str]) -> Response:
    """The 200 of a POST; ``limit`` states when the rate limit resets."""
    shown = queued_record_of(request_id, origin)
    return Response(written(shown), headers=limit, media_type="application/json")


async def _run(service: Service, started: Started) -> None:
    try:
        settings = service.settings
        await asyncio.sleep(settings.queue.draw(service.randomness) / settings.speed)
        started.entry.process()
        complete(service, started, await inferred(service, started))
    except InferenceFailedError as failure:
        fail(started, str(failure))
    except BaseException:
        fail(started, BROKEN)
        raise
    finally:
        leave(started.account)
