"""All images of a batch: in a ZIP file, and small on one page."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TypeVar
from uuid import UUID

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from api_gateway.auth import Reader
from api_gateway.batches.contact_sheet import Picture, sheet
from api_gateway.batches.zipped import ZipFile
from api_gateway.openapi import parameter, refuses
from api_gateway.parts import Parts, parts_of
from api_gateway.query import Query, whole
from db.batch_results import BEGIN, BatchResults, Page, Place
from db.batches import BatchStore
from jobs.batches import MOST_JOBS
from jobs.errors import FieldProblem, InvalidInput
from jobs.retention import Removed
from jobs.states import State

T = TypeVar("T")

router = APIRouter(tags=["batches"])

_PAGE = 100
MOST_ON_SHEET = 400
MOST_ZIPPED = 100_000
"""Lines of one ZIP file: it remembers each of its files until its end."""
_ON_SHEET = 100
_LOOKED_AT = 20_000
"""Lines among which a sheet's images are looked for."""
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
    openapi_extra={
        "parameters": [
            parameter(
                "first_line",
                {"type": "integer", "minimum": 1, "maximum": MOST_JOBS, "default": 1},
                "The first line whose images are wanted.",
            ),
            parameter(
                "lines",
                {"type": "integer", "minimum": 1, "maximum": MOST_ZIPPED},
                f"Of how many lines; all, where it has no more than {MOST_ZIPPED:,} of them.",
            ),
        ]
    },
)
async def images(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """Those that there are now, in the order of the lines, as `000000-<custom_id>.jpg` and so on.

    It is written while it is sent: its length is not known before. Images whose time has passed are
    named in `left-out.txt`, its last file.
    """
    given = Query(request.query_params, ("first_line", "lines"))
    first = given.one("first_line", whole(1, MOST_JOBS), 1)
    lines = given.one("lines", whole(1, MOST_ZIPPED), None)
    given.refuse()
    parts = parts_of(request)
    batch, _ = await run_in_threadpool(BatchStore(parts.database).get, tenant, batch_id)
    if lines is None and batch.jobs - first >= MOST_ZIPPED:
        why = (
            f"says how many of the {batch.jobs:,} lines: a ZIP file holds those of {MOST_ZIPPED:,}"
        )
        raise InvalidInput([FieldProblem("lines", f"is needed, and {why}")])
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="batch-{batch.id}.zip"',
        "X-Content-Type-Options": "nosniff",
    }
    pages = partial(_pages, parts, batch_id, Place(first - 2), lines or MOST_ZIPPED)
    return StreamingResponse(_zipped(parts, pages()), headers=headers, media_type="application/zip")


async def _zipped(parts: Parts, pages: Iterator[Page]) -> AsyncIterator[bytes]:
    """Rows are read in the threads that are for SQL, and bytes in those that may wait for a store."""
    archive = ZipFile(parts.artifacts)
    while (page := await run_in_threadpool(next, pages, None)) is not None:
        pieces = archive.add(page)
        following = partial(next, pieces, None)
        while (piece := await _fetched(parts, following)) is not None:
            yield piece
    yield await _fetched(parts, archive.end)


async def _fetched(parts: Parts, work: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(work, limiter=parts.download_threads)


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
    """The first images, small, in the order of the lines, each with its line's name: of the first
    20,000 lines. The place of one whose time has passed is empty.
    """
    given = Query(request.query_params, ("limit", "columns"))
    limit = given.one("limit", whole(1, MOST_ON_SHEET), _ON_SHEET)
    columns = given.one("columns", whole(1, 20), 10)
    given.refuse()
    parts = parts_of(request)
    await run_in_threadpool(BatchStore(parts.database).get, tenant, batch_id)
    pictures = await run_in_threadpool(_first, _pages(parts, batch_id, lines=_LOOKED_AT), limit)
    drawn = partial(sheet, pictures, min(columns, max(1, len(pictures))), parts.artifacts)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(await parts.with_images(drawn), headers=headers, media_type="image/jpeg")


def _pages(
    parts: Parts, batch_id: UUID, after: Place = BEGIN, lines: int = MOST_JOBS
) -> Iterator[Page]:
    """Of so many lines, from behind a place."""
    end = after.position + lines
    while after.position < end:
        limit = min(_PAGE, end - after.position)
        page = BatchResults(parts.database).in_order(batch_id, limit, after, _MADE)
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
