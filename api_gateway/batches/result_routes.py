"""What came of a batch: its results as lines, its rejected lines, and what changes of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import count
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from api_gateway import query
from api_gateway.auth import Reader
from api_gateway.batches import cursors, result_rows
from api_gateway.batches.batch_json import rejections
from api_gateway.job_answer import text_of
from api_gateway.openapi import parameter, refuses
from api_gateway.parts import parts_of
from api_gateway.query import Query, whole
from api_gateway.showing import base_of
from db.batch_results import BEGIN, BatchResults, Page, Place, Result
from db.batch_views import BatchViews
from db.batches import BatchStore
from jobs.states import FINAL, State

router = APIRouter(tags=["batches"])

PIECE = 500
"""Results that are read, written out and sent at once."""
MOST_RESULTS = 10_000
"""On a page of a limit: they are held until its cursor is known."""
_MOST_PAGES = 20
"""That are read for one of a limit."""
INPUT, FINISHED = "input", "finished"
_FORMATS = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
NEXT = "Next-Cursor"
"""A header of an answer that a `limit` cut short."""


@router.get(
    "/api/v1/batches/{batch_id}/results",
    summary="Read a batch's results",
    response_class=Response,
    responses={
        200: {
            "description": "A line for each job that has ended",
            "content": {"application/jsonl": {}, "text/csv": {}},
        },
        **refuses(401, 404, 422, 503),
    },
    openapi_extra={
        "parameters": [
            parameter("order", {"enum": [INPUT, FINISHED], "default": INPUT}, "Of the lines."),
            parameter("format", {"enum": list(_FORMATS), "default": "jsonl"}, "Of the answer."),
            parameter(
                "state",
                {"type": "array", "items": {"type": "string", "enum": sorted(FINAL)}},
                "One of these; repeat it, or put commas between them.",
            ),
            parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST_RESULTS},
                "Results at the most; all, if it is left out.",
            ),
            parameter("cursor", {"type": "string"}, f"`{NEXT}` of the page before."),
        ]
    },
)
async def results(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """In the order of the lines (`order=input`), or as they ended (`order=finished`, two seconds
    after it or some more). `format=csv` for a spreadsheet. With `limit` the header `Next-Cursor` says
    where the next page begins, also where few or none were found among ten thousand lines; in the
    order of ends each page does, for whoever comes again.
    """
    given = Query(request.query_params, ("order", "format", "state", "limit", "cursor"))
    order = given.one("order", _one_of(INPUT, FINISHED), INPUT)
    format_ = given.one("format", _one_of(*_FORMATS), "jsonl")
    nothing: tuple[State, ...] = ()
    states = given.all("state", _states, nothing)
    limit = given.one("limit", whole(1, MOST_RESULTS), None)
    after = given.one("cursor", partial(cursors.place, order), BEGIN)
    given.refuse()
    parts = parts_of(request)
    await run_in_threadpool(BatchStore(parts.database).get, tenant, batch_id)
    store = BatchResults(parts.database)
    read = store.in_order if order == INPUT else store.as_they_ended
    base = base_of(request)
    pages = _pages(partial(read, batch_id, states=states), order, after, limit)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if limit is not None:
        found = await run_in_threadpool(list, pages)
        # In the order of ends more may come: the place is told even of the last page.
        last = found[-1].after if found else None
        last = last or (_end_of(found, after) if order == FINISHED else None)
        if last is not None:
            headers[NEXT] = cursors.text(order, last)
        pages = iter(found)
    content = iterate_in_threadpool(_written(pages, format_, base))
    return StreamingResponse(content, headers=headers, media_type=_FORMATS[format_])


@router.get(
    "/api/v1/batches/{batch_id}/rejected",
    summary="Read a batch's rejected lines",
    response_class=Response,
    responses={
        200: {"description": "A line for each", "content": {"application/jsonl": {}}},
        **refuses(401, 404, 422, 503),
    },
)
async def rejected(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """Lines that were not taken, until one of the same name is: with their numbers and all that is
    wrong with them. JSON Lines.
    """
    query.none(request)
    database = parts_of(request).database
    await run_in_threadpool(BatchStore(database).get, tenant, batch_id)

    def lines() -> Iterator[bytes]:
        for some in BatchViews(database).rejections(batch_id):
            yield "".join(f"{text_of(one)}\n" for one in rejections(some)).encode()

    headers = {"Cache-Control": "no-store"}
    content: AsyncIterator[bytes] = iterate_in_threadpool(lines())
    return StreamingResponse(content, headers=headers, media_type="application/jsonl")


def _pages(
    read: Callable[..., Page], order: str, after: Place, limit: int | None
) -> Iterator[Page]:
    """Until there is no more, or `limit` results were given, or looked for among enough lines."""
    left = limit
    for _ in count() if limit is None else range(_MOST_PAGES):
        # Lines whose jobs have not ended, or otherwise, are no results: as many are read as ever.
        page = read(limit=PIECE, after=after)
        if left is not None and len(page.results) > left:
            page = Page(page.results[:left], _behind(order, page.results[left - 1]))
        yield page
        if page.after is None:
            return
        after = page.after
        if left is not None:
            left -= len(page.results)
            if left <= 0:
                return


def _behind(order: str, last: Result) -> Place:
    if order == INPUT:
        return Place(last.position)
    return Place(ended=last.job.finished_at, job_id=last.job.id)


def _end_of(found: list[Page], after: Place) -> Place:
    """Behind the last result that was given, or farther."""
    if found and found[-1].until is not None:
        return found[-1].until
    for page in reversed(found):
        if page.results:
            return _behind(FINISHED, page.results[-1])
    return after


def _written(pages: Iterator[Page], format_: str, base: str) -> Iterator[bytes]:
    if format_ == "csv":
        yield result_rows.csv_header()
    write = result_rows.csv_rows if format_ == "csv" else result_rows.json_lines
    for page in pages:
        if page.results:
            yield write(page.results, base)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return read


def _states(values: list[str]) -> tuple[State, ...]:
    names = [one for value in values for one in value.split(",")]
    allowed = sorted(FINAL)
    if wrong := [one for one in names if one not in allowed]:
        raise ValueError(f"must be among {', '.join(allowed)}, not {wrong[0][:40]}")
    return tuple(dict.fromkeys(State(one) for one in names))
