"""The sandbox's routes, and the order in which a call is judged.

A v1 call is checked in this order, and the first failure is the answer:

1. key (401; leaves no ledger row)
2. verb (405, HTML)
3. model (404)
4. Content-Type (406 "Invalid content type")
5. size of the body (413)
6. rate limit (429). What passes here is counted, whatever becomes of it; what fails is not.
7. credits for one sample (406 "Insufficient credits")
8. the body is a JSON object (400)
9. parameters: unknown, missing, types (400), then values and the image (406)
10. credits for all samples (406 "Insufficient credits")

From 6 on the call runs to its end though the client is gone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import control
from sandbox.call import run_call
from sandbox.intake import check_head, whole_body
from sandbox.keys import key_of
from sandbox.ledger import Row
from sandbox.money import text_of
from sandbox.refusals import RefusedError
from sandbox.service import Service

# Every verb reaches the handler: the key is checked before the verb.
_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(service: Service) -> Starlette:
    """The ASGI application over ``service``."""
    routes = [
        ("/v1/get-user-credits", _credits, _VERBS),
        ("/v1/{model}", _generate, _VERBS),
        ("/_sandbox/ledger", control.ledger, ["GET"]),
        ("/_sandbox/ledger", control.clear_ledger, ["DELETE"]),
        ("/_sandbox/settings", control.settings, ["GET"]),
        ("/_sandbox/settings", control.change_settings, ["POST"]),
    ]
    app = Starlette(
        routes=[
            Route(path, _answering(partial(handler, service)), methods=verbs)
            for path, handler, verbs in routes
        ],
        exception_handlers={404: _not_found, 405: _wrong_verb, 500: _broken},
    )
    app.router.redirect_slashes = False
    return app


def _answering(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answering(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as refusal:
            return refusal.response()

    return answering


async def _generate(service: Service, request: Request) -> Response:
    received_at = time.time()
    account = service.accounts[key_of(request.headers, service.accounts)]
    row = Row(uuid4().hex, received_at, account.key, request.path_params["model"])
    try:
        check_head(request, row.model)
        raw = await whole_body(request)
    except RefusedError as refusal:
        row.status = refusal.status
        row.finished_at = time.time()
        service.ledger.add(row)
        raise
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    service.ledger.add(row)
    # A task of its own, shielded: nothing that happens to the connection may cancel it.
    call = asyncio.create_task(run_call(service, account, row, raw, request.is_disconnected))
    service.running.add(call)
    call.add_done_callback(service.running.discard)
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        # Only a stop that has lost patience cancels a request; the client learns no outcome.
        return RefusedError(503, "Shutting down").response()


async def _credits(service: Service, request: Request) -> Response:
    account = service.accounts[key_of(request.headers, service.accounts)]
    if request.method != "GET":
        raise RefusedError(405, "Method not allowed", headers={"Allow": "GET"})
    # Written as text, so that the exact amount arrives, not the nearest float.
    body = f'{{"credits": {text_of(account.balance)}, "free-credits": 0.0}}'
    return Response(body, media_type="application/json")


async def _not_found(_request: Request, _error: Exception) -> Response:
    return RefusedError(404, "Not found").response()


async def _wrong_verb(_request: Request, _error: Exception) -> Response:
    return RefusedError(405, "Method not allowed").response()


async def _broken(_request: Request, _error: Exception) -> Response:
    return RefusedError(500, "Internal server error").response()
