"""What is common to the paths where nothing is generated: the key, the faults, the verb."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sandbox.account import Account
from sandbox.fault_rules import Seen
from sandbox.faulty import FaultyAnswer
from sandbox.keys import key_of
from sandbox.refusals import RefusedError
from sandbox.service import Service


def account_of(service: Service, request: Request) -> Account:
    """Whose request it is. Raises RefusedError 401."""
    return service.accounts[key_of(request.headers, service.accounts)]


async def answered(
    service: Service,
    request: Request,
    account: Account | None,
    answer: Callable[[], Awaitable[Response]],
) -> Response:
    """What ``answer`` gives to a GET, or the fault that takes its place.

    ``account`` None: the path needs no key. Raises RefusedError 405, and what ``answer`` raises.
    """

    async def read() -> Response:
        if request.method != "GET":
            raise RefusedError(405, "Method not allowed", headers={"Allow": "GET"})
        return await answer()

    rule = service.faults.take(Seen(request.url.path, None if account is None else account.key))
    if rule is None:
        return await read()

    async def whole() -> Response:
        try:
            true = await read()
        except RefusedError as refusal:
            return refusal.response()
        return await _in_one(true) if isinstance(true, StreamingResponse) else true

    return FaultyAnswer(service, account, rule.effect, whole)


def origin_of(request: Request) -> str:
    """Where the client found the sandbox: scheme and ``Host``, without a slash at the end."""
    return str(request.base_url).rstrip("/")


async def _in_one(answer: StreamingResponse) -> Response:
    # A fault cuts and states lengths, so it needs all of what is streamed otherwise.
    pieces = [piece async for piece in answer.body_iterator]
    body = b"".join(one.encode() if isinstance(one, str) else bytes(one) for one in pieces)
    return Response(body, answer.status_code, media_type=answer.media_type)
