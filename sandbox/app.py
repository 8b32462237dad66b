"""The sandbox's routes, and the order in which a call is judged.

A v1 call is checked in this order, and the first failure is the answer:

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

From 6 on the call runs to its end though the client is gone.

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

from sandbox import control
from sandbox.fault_rules import Seen
from sandbox.faulty import FaultyAnswer
from sandbox.generation import generate
from sandbox.keys import key_of
from sandbox.money import text_of
from sandbox.provider_clock import Dated
from sandbox.refusals import RefusedError
from sandbox.service import Service

# Every verb reaches the handler: the key is checked before the verb.
_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(service: Service) -> Starlette:
    """The ASGI application over ``service``."""
    routes = [
        ("/v1/get-user-credits", _credits, _VERBS),
        ("/v1/{model}", generate, _VERBS),
        ("/_sandbox/ledger", control.ledger, ["GET"]),
        ("/_sandbox/ledger", control.clear_ledger, ["DELETE"]),
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


async def _credits(service: Service, request: Request) -> Response:
    account = service.accounts[key_of(request.headers, service.accounts)]

    async def balance() -> Response:
        # Written as text, so that the exact amount arrives, not the nearest float.
        body = f'{{"credits": {text_of(account.balance)}, "free-credits": 0.0}}'
        return Response(body, media_type="application/json")

    rule = service.faults.take(Seen(request.url.path, account.key))
    if rule is not None:
        return FaultyAnswer(service, account, rule.effect, balance)
    if request.method != "GET":
        raise RefusedError(405, "Method not allowed", headers={"Allow": "GET"})
    return await balance()


async def _not_found(_request: Request, _error: Exception) -> Response:
    return RefusedError(404, "Not found").response()


async def _wrong_verb(_request: Request, _error: Exception) -> Response:
    return RefusedError(405, "Method not allowed").response()


async def _broken(_request: Request, _error: Exception) -> Response:
    return RefusedError(500, "Internal server error").response()
