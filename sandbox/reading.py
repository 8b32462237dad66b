"""What is read and costs nothing: credits, v2 requests, the history, outputs."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sandbox.account import Account
from sandbox.entries import Entry
from sandbox.exact_json import written
from sandbox.free_paths import account_of, answered, origin_of
from sandbox.history_pages import Page, page_of
from sandbox.history_query import Query, query_of
from sandbox.history_rows import row_text
from sandbox.listing import Line
from sandbox.provider_clock import reset_headers
from sandbox.records import record_of, status_code_of, status_record_of
from sandbox.refusals import RefusedError
from sandbox.service import Service

_JSON = "application/json"
_ROWS_AT_ONCE = 5
"""Each may have an image of 22 MB."""


async def credits_left(service: Service, request: Request) -> Response:
    """The balance, USD."""
    account = account_of(service, request)

    async def answer() -> Response:
        return _json({"credits": account.balance, "free-credits": 0.0})

    return await answered(service, request, account, answer)


async def status(service: Service, request: Request) -> Response:
    """A v2 request's state, without its output."""
    account = account_of(service, request)

    async def answer() -> Response:
        entry = _asked_for(service, request, account)
        return _json(status_record_of(entry), status_code_of(entry))

    return await answered(service, request, account, answer)


async def record(service: Service, request: Request) -> Response:
    """A v2 request, the whole of it."""
    account = account_of(service, request)

    async def answer() -> Response:
        entry = _asked_for(service, request, account)
        shown = record_of(entry, origin_of(request), service.settings)
        return _json(shown, status_code_of(entry))

    return await answered(service, request, account, answer)


def _asked_for(service: Service, request: Request, account: Account) -> Entry:
    settings = service.settings
    entry = service.history.find(account.key, request.path_params["id"])
    if (
        entry is None
        or entry.row.transport != "v2"
        or time.monotonic() - entry.submitted > settings.record_seconds
    ):
        raise RefusedError(404, "Request not found")
    if settings.polls_count:
        verdict = account.admit(settings.rpm)
        if not verdict.admitted:
            limit = reset_headers(settings, verdict.resets_in, refused=True)
            raise RefusedError(429, "Rate limit exceeded", headers=limit)
    return entry


async def output(service: Service, request: Request) -> Response:
    """An image that a call made; it needs no key."""

    async def answer() -> Response:
        image = service.outputs.get(request.path_params["name"], service.settings.output_seconds)
        if image is None:
            raise RefusedError(404, "Not found")
        return Response(image, media_type="image/jpeg")

    return await answered(service, request, None, answer)


async def history(service: Service, request: Request) -> Response:
    """A page of the calls that started."""
    account = account_of(service, request)

    async def answer() -> Response:
        settings = service.settings
        now = time.time() + settings.clock_offset
        query = query_of(request.query_params.multi_items(), now)
        listing = service.history.listing(account.key, query.models, settings)
        page = page_of(listing, query)
        pieces = _page_pieces(service, page, query, origin_of(request))
        return StreamingResponse(pieces, media_type=_JSON)

    return await answered(service, request, account, answer)


async def _page_pieces(
    service: Service, page: Page, query: Query, origin: str
) -> AsyncIterator[str]:
    rest = iter(page.lines)
    yield '{"data": ['
    comma = ""
    while some := list(islice(rest, _ROWS_AT_ONCE)):
        yield comma + await asyncio.to_thread(_row_texts, service, some, origin)
        comma = ",\n"
    ends = {
        "page": query.page,
        "per_page": query.per_page,
        "total": page.total,
        "total_pages": -(-page.total // query.per_page),
    }
    yield f"], {written(ends)[1:]}"


def _row_texts(service: Service, lines: list[Line], origin: str) -> str:
    shown = service.settings.history_image
    image = service.sent_images.get
    return ",\n".join(row_text(entry, place, origin, shown, image) for entry, place in lines)


async def history_row(service: Service, request: Request) -> Response:
    """One call that started, of any age; of several outputs the first's row."""
    account = account_of(service, request)

    async def answer() -> Response:
        entry = service.history.find(account.key, request.path_params["id"])
        if entry is None or entry.appears > time.monotonic():
            raise RefusedError(404, "Request not found")
        text = await asyncio.to_thread(_row_texts, service, [(entry, 0)], origin_of(request))
        return Response(text, media_type=_JSON)

    return await answered(service, request, account, answer)


def _json(shown: dict[str, object], status_code: int = 200) -> Response:
    # Amounts are written as text, so that the exact ones arrive, not the nearest floats.
    return Response(written(shown), status_code, media_type=_JSON)
