"""``/_sandbox``: the ledger, the history, the settings and the faults. Not part of the contract; needs no key."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox.ledger import json_chunks
from sandbox.refusals import RefusedError
from sandbox.service import Service
from sandbox.strict_json import object_of


async def ledger(service: Service, request: Request) -> Response:
    """The rows as a JSON list; ``?since=N`` leaves out the first N since the last clear."""
    since = request.query_params.get("since", "0")
    if not (since.isascii() and since.isdigit()):
        raise RefusedError(400, "since must be an integer from 0")
    rows = service.ledger.since(int(since))

    async def chunks() -> AsyncIterator[str]:
        for piece in json_chunks(rows):
            yield piece

    return StreamingResponse(chunks(), media_type="application/json")


async def clear_ledger(service: Service, _request: Request) -> Response:
    """Forget all rows."""
    service.ledger.clear()
    return Response(status_code=204)


async def clear_history(service: Service, _request: Request) -> Response:
    """Forget all calls that started, and end the v2 requests that are under way."""
    await service.forget()
    return Response(status_code=204)


async def settings(service: Service, _request: Request) -> Response:
    """All settings."""
    return JSONResponse(service.settings.as_json())


async def change_settings(service: Service, request: Request) -> Response:
    """Merge the body into the settings and answer all of them; 400 changes nothing."""
    service.change(object_of(await request.body()))
    return JSONResponse(service.settings.as_json())


async def faults(service: Service, _request: Request) -> Response:
    """All rules, with what became of them."""
    return JSONResponse({"rules": [rule.as_json() for rule in service.faults.rules]})


async def add_faults(service: Service, request: Request) -> Response:
    """Keep the rules in the body and answer them with their ids; 400 keeps none."""
    added = service.faults.add(object_of(await request.body()))
    return JSONResponse({"rules": [rule.as_json() for rule in added]}, 201)


async def clear_faults(service: Service, _request: Request) -> Response:
    """Forget all rules."""
    service.faults.clear()
    return Response(status_code=204)


async def clear_fault(service: Service, request: Request) -> Response:
    """Forget one rule."""
    if not service.faults.clear(request.path_params["id"]):
        raise RefusedError(404, f"No such fault: {request.path_params['id'][:100]}")
    return Response(status_code=204)
