"""`GET /api/v1/jobs`: a tenant's jobs, page by page."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_gateway import cursors, list_filter
from api_gateway.auth import Reader
from api_gateway.job_answer import text_of
from api_gateway.list_filter import MOST_LISTED, USUALLY_LISTED, Wanted
from api_gateway.openapi import answers, parameter
from api_gateway.parts import parts_of
from api_gateway.showing import show
from db.job_pages import JobPages, Page
from jobs.states import State

LARGEST_PAGE = 1_000_000
"""Bytes of its jobs as JSON, unless the first one alone has more."""

router = APIRouter(tags=["jobs"])


_TEXT: dict[str, Any] = {"type": "string"}
_TIME = {**_TEXT, "format": "date-time"}
_STATES = {"type": "array", "items": {**_TEXT, "enum": list(State)}}
_QUERY = [
    parameter("state", _STATES, "One of these; repeat it, or put commas between them."),
    parameter("model", _TEXT, "The model's slug."),
    parameter("tag", {"type": "array", "items": _TEXT}, "Repeat it: all must be there."),
    parameter("group", _TEXT, "The group; empty: the jobs without one."),
    parameter("created_after", _TIME, "This moment or later."),
    parameter("created_before", _TIME, "Earlier than this moment."),
    parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": USUALLY_LISTED},
        "Jobs on a page at the most.",
    ),
    parameter("cursor", _TEXT, "`next_cursor` of the page before, with the same filter."),
]


@router.get(
    "/api/v1/jobs",
    summary="List jobs",
    responses=answers(200, "JobList", "A page of jobs, newest first", 401, 422, 503),
    openapi_extra={"parameters": _QUERY},
)
async def list_jobs(request: Request, tenant: Reader) -> Response:
    """Newest first. Only `next_cursor: null` ends the list.

    A page may hold fewer jobs than `limit`, even none, and go on: after 10,000 jobs that do not
    fit, and after a megabyte, it ends where it is. Jobs that come while you page are on no later page; none of those that
    were there at the first page is left out or told twice, unless it has moved out of the filter.
    """
    wanted = list_filter.read(request.query_params)
    pages = JobPages(parts_of(request).database)

    page = await run_in_threadpool(
        pages.page, tenant, wanted.filter, limit=wanted.limit, below=wanted.below
    )
    documents = [await show(request, job) for job in page.jobs]
    # Writing out a megabyte must not hold up everybody else's answers.
    content = await run_in_threadpool(_written, documents, page, wanted)
    headers = {"Cache-Control": "no-store"}
    return Response(content, headers=headers, media_type="application/json")


def _written(documents: list[dict[str, Any]], page: Page, wanted: Wanted) -> bytes:
    """The page as JSON, with as many of its jobs as fit.

    Each is written by itself: a thread that writes all of them in one call lets no other one run.
    """
    items: list[bytes] = []
    size = 0
    below = page.below
    for document in documents:
        item = text_of(document).encode()
        size += len(item)
        if items and size > LARGEST_PAGE:
            below = page.jobs[len(items) - 1].id
            break
        items.append(item)
    cursor = text_of(cursors.cursor(wanted.filter, below)).encode()
    return b'{"items":[%b],"next_cursor":%b}' % (b",".join(items), cursor)
