"""All images of a batch: in a ZIP file, and small on one page."""

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from api_gateway import query
from api_gateway.auth import Reader
from api_gateway.batches.contact_sheet import Picture, sheet
from api_gateway.batches.zipped import zip_file
from api_gateway.openapi import parameter, refuses
from api_gateway.parts import Parts, parts_of
from api_gateway.query import Query, whole
from db.batch_results import BEGIN, BatchResults, Page
from db.batches import BatchStore
from jobs.retention import Removed
from jobs.states import State

router = APIRouter(tags=["batches"])

_PAGE = 100
MOST_ON_SHEET = 400
_ON_SHEET = 100
_MADE = (State.SUCCEEDED, State.CANCELED)
"""A job that was canceled while its call ran may have an image: it was paid for."""
_BINARY = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/api/v1/batches/{batch_id}/images.zip",
    summary="Fetch a batch's images",
    response_class=Response,
    responses={
        200: {"description": "A ZIP file", "content": {"application/zip": _BINARY}},
        **refuses(401, 404, 422, 503),
    },
)
async def images(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """Those that there are now, in the order of the lines, as `000000-<custom_id>.jpg` and so on.

    It is written while it is sent: its length is not known before. Images whose time has passed are
    named in `left-out.txt`, its last file.
    """
    query.none(request)
    parts = parts_of(request)
    batch, _ = await run_in_threadpool(BatchStore(parts.database).get, tenant, batch_id)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="batch-{batch.id}.zip"',
        "X-Content-Type-Options": "nosniff",
    }
    content = iterate_in_threadpool(zip_file(_pages(parts, batch_id), parts.artifacts))
    return StreamingResponse(content, headers=headers, media_type="application/zip")


@router.get(
    "/api/v1/batches/{batch_id}/contact-sheet.jpg",
    summary="See a batch's images on one page",
    response_class=Response,
    responses={
        200: {"description": "A picture", "content": {"image/jpeg": _BINARY}},
        **refuses(401, 404, 422, 503),
    },
    openapi_extra={
        "parameters": [
            parameter(
                name,
                {"type": "integer", "minimum": 1, "maximum": most, "default": default},
                means,
            )
            for name, most, default, means in (
                ("limit", MOST_ON_SHEET, _ON_SHEET, "Images at the most, the first of them."),
                ("columns", 20, 10, "Images in a row."),
            )
        ]
    },
)
async def contact_sheet(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """The first images, small, in the order of the lines, each with its line's name. The place of one
    whose time has passed is empty.
    """
    given = Query(request.query_params, ("limit", "columns"))
    limit = given.one("limit", whole(1, MOST_ON_SHEET), _ON_SHEET)
    columns = given.one("columns", whole(1, 20), 10)
    given.refuse()
    parts = parts_of(request)
    await run_in_threadpool(BatchStore(parts.database).get, tenant, batch_id)
    pictures = await run_in_threadpool(_first, _pages(parts, batch_id), limit)
    drawn = partial(sheet, pictures, min(columns, max(1, len(pictures))), parts.artifacts)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(await parts.with_images(drawn), headers=headers, media_type="image/jpeg")


def _pages(parts: Parts, batch_id: UUID) -> Iterator[Page]:
    after = BEGIN
    while True:
        page = BatchResults(parts.database).in_order(batch_id, _PAGE, after, _MADE)
        yield page
        if page.after is None:
            return
        after = page.after


def _first(pages: Iterator[Page], limit: int) -> list[Picture]:
    found: list[Picture] = []
    for page in pages:
        for one in page.results:
            is_kept = one.job.removed is Removed.NOTHING
            found += [
                Picture(output.artifact if is_kept else None, one.job.custom_id or "")
                for output in one.job.outputs
            ]
        if len(found) >= limit:
            break
    return found[:limit]
