"""The sandbox's routes, and the order in which a call is judged.

A call, over v1 or v2, is checked in this order, and the first failure is the answer:

1. key (401; leaves no ledger row)
2. verb (405, HTML)
3. model (404)
4. Content-Type (406 "Invalid content type")
5. size of the body (413)
6. calls in flight, then the rate limit (429). What passes here is counted, whatever becomes of
   it; what fails is not.
7. credits for one sample (406 "Insufficient credits")
8. the body is a JSON object (400)
9. parameters: unknown, missing, types (400), then values and the image (406)
10. credits for all samples (406 "Insufficient credits")

From 6 on the call runs to its end though the client is gone. Over v2 the answer comes after 10, and
the request runs behind it; with the setting ``v2_malformed`` accept, what 8 and 9 would refuse is
let in, free, and fails.

What is only read is checked by its key (401; outputs need none), its verb (405), what it names
(404) or its query (400), and, with the setting ``polls_count``, the rate limit (429).

A fault that replaces the call stands after the key, and none of the rest is asked then; one that
lets it run stands after all of them, so that a refusal comes before it.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import control, reading
from sandbox.generation import generate
from sandbox.provider_clock import Dated
from sandbox.refusals import RefusedError
from sandbox.service import Service

# Every verb reaches the handler: the key is checked before the verb.
_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(service: Service) -> Starlette:
    """The ASGI application over ``service``."""
    routes: list[tuple[str, Callable[[Service, Request], Awaitable[Response]], list[str]]] = [
        ("/v1/get-user-credits", reading.credits_left, _VERBS),
        ("/v1/{model}", partial(generate, transport="v1"), _VERBS),
        ("/v2/{model}", partial(generate, transport="v2"), _VERBS),
        ("/v2/requests/{id}", reading.record, _VERBS),
        ("/v2/requests/{id}/status", reading.status, _VERBS),
        ("/inference-request/request-history", reading.history, _VERBS),
        ("/inference-request/request-history/{id}", reading.history_row, _VERBS),
        ("/outputs/{name}.jpeg", reading.output, _VERBS),
        ("/_sandbox/ledger", control.ledger, ["GET"]),
        ("/_sandbox/ledger", control.clear_ledger, ["DELETE"]),
        ("/_sandbox/history", control.clear_history, ["DELETE"]),
        ("/_sandbox/settings", control.settings, ["GET"]),
        ("/_sandbox/settings", control.change_settings, ["POST"]),
        ("/_sandbox/faults", control.faults, ["GET"]),
        ("/_sandbox/faults", control.add_faults, ["POST"]),
        ("/_sandbox/faults", control.clear_faults, ["DELETE"]),
        ("/_sandbox/faults/{id}", control.clear_fault, ["DELETE"]),
    ]
    app = Starlette(
        routes=[
            Route(path, _answering(partial(handler, service)), methods=verbs)
            for path, handler, verbs in routes
        ],
        middleware=[Middleware(Dated, service)],
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


async def _not_found(_request: Request, _error: Exception) -> Response:
    return RefusedError(404, "Not found").response()


async def _wrong_verb(_request: Request, _error: Exception) -> Response:
    return RefusedError(405, "Method not allowed").response()


async def _broken(_request: Request, _error: Exception) -> Response:
    return RefusedError(500, "Internal server error").response()
