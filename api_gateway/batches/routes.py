"""`/api/v1/batches`: open one, look at it, close it, list them."""

from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, problems, query, strict_json
from api_gateway.auth import Reader, Submitter
from api_gateway.batches import matrix, new_batch, whole_batch
from api_gateway.batches.batch_json import View, document
from api_gateway.batches.matrix import Matrix
from api_gateway.batches.verbs import LARGEST_BODY as SHORT_BODY
from api_gateway.batches.verbs import done
from api_gateway.batches.views import show
from api_gateway.job_answer import text_of
from api_gateway.once import IN_USE, REPLAYS, asked, with_key
from api_gateway.openapi import answers, body, parameter, reference
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
from api_gateway.query import Query, whole
from api_gateway.showing import base_of
from api_gateway.submit_route import SMALL_BODY
from db.batch_rows import Batch
from db.batches import BatchStore
from db.idempotency import Answer
from jobs.batches import Counts

LARGEST_BODY = 30_000_000
MOST_TICKETS = 100
"""Upkeep puts more within a second."""
MOST_LISTED, USUALLY_LISTED = 100, 20
_NO_JOBS = Counts({})

router = APIRouter(tags=["batches"])


@router.post(
    "/api/v1/batches",
    status_code=201,
    summary="Open a batch",
    responses=answers(
        201,
        "Batch",
        "It takes jobs",
        *(400, 401, 402, 408, 413, 415, 422, 429, 503),
        says={"Location": "Where to read the batch", **REPLAYS},
    )
    | IN_USE,
    openapi_extra=with_key(body(**{"application/json": {"schema": reference("NewBatch")}})),
)
async def open_batch(request: Request, tenant: Submitter) -> Response:
    """What its jobs have in common is said once: `model`, `input`, `tags` and the like are what a line
    has that does not say them itself. In these, `{name}` is filled in from each line.

    Where `jobs` (lines) or a `matrix` (values by name, of which every combination is a line) come with
    it, all of them are kept and it is closed, or nothing is kept.
    """
    if bodies.media_type(request) != "application/json":
        raise Problem(problems.WRONG_TYPE, "send the batch as Content-Type: application/json")
    raw = await bodies.read(request, LARGEST_BODY)
    parts = parts_of(request)
    given = await run_in_threadpool(strict_json.parse, raw)
    new = new_batch.read(given, tenant, parts.pool)
    lines = whole_batch.lines_of(given, _matrix_of(given))
    async with asked(request, tenant, raw) as ask:
        if ask.replay is not None:
            return ask.replay
        if lines is not None:
            check = partial(whole_batch.check, parts, new, lines)
            if len(raw) <= SMALL_BODY:
                await run_in_threadpool(check)
            else:
                await parts.with_images(check)

        def act() -> tuple[Batch, Answer]:
            if lines is None:
                batch, counts = BatchStore(parts.database).add(new), _NO_JOBS
            else:
                closed = whole_batch.open_filled(parts, new, lines)
                batch, counts = BatchStore(parts.database).get(tenant, closed.id)
            shown = document(View(batch, counts, 0, 0, None), base_of(request))
            return batch, Answer(201, {"Location": shown["links"]["self"]}, text_of(shown))

        batch, response = await run_in_threadpool(ask.commit, act)
    if batch is not None and batch.jobs:
        parts.tickets.add(batch.pool, min(batch.jobs, MOST_TICKETS))
    return response


@router.get(
    "/api/v1/batches",
    summary="List batches",
    responses=answers(200, "BatchList", "A page of batches, newest first", 401, 422, 503),
    openapi_extra={
        "parameters": [
            parameter(
                "limit",
                {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_LISTED,
                    "default": USUALLY_LISTED,
                },
                "Batches on a page at the most.",
            ),
            parameter("cursor", {"type": "string"}, "`next_cursor` of the page before."),
        ]
    },
)
async def list_batches(request: Request, tenant: Reader) -> Response:
    """Newest first. `next_cursor: null` ends the list."""
    given = Query(request.query_params, ("limit", "cursor"))
    limit = given.one("limit", whole(1, MOST_LISTED), USUALLY_LISTED)
    below = given.one("cursor", _below, None)
    given.refuse()
    page = partial(BatchStore(parts_of(request).database).page, tenant, limit + 1, below)
    found = await run_in_threadpool(page)
    shown = [document(View(one, counts, 0, 0, None), base_of(request)) for one, counts in found]
    more = len(found) > limit
    items = [{name: one[name] for name in _LISTED} for one in shown[:limit]]
    cursor = str(found[limit - 1][0].id) if more else None
    return _json({"items": items, "next_cursor": cursor})


@router.get(
    "/api/v1/batches/{batch_id}",
    summary="Read a batch",
    responses=answers(200, "Batch", "As it is now", 401, 404, 422, 503),
)
async def read_batch(request: Request, batch_id: UUID, tenant: Reader) -> Response:
    """How many of its jobs are where, what they cost, when the last is to end, and why some failed."""
    query.none(request)
    return _json(await show(request, tenant, batch_id))


@router.post(
    "/api/v1/batches/{batch_id}/close",
    summary="Let a batch take no more jobs",
    responses=answers(
        200, "Batch", "It takes no more", *(401, 404, 408, 409, 413, 415, 422, 503), says=REPLAYS
    ),
    openapi_extra=with_key(),
)
async def close_batch(request: Request, batch_id: UUID, tenant: Submitter) -> Response:
    """It is finished once all its jobs have ended. Closed again, nothing changes."""
    query.none(request)
    close = partial(BatchStore(parts_of(request).database).close, tenant, batch_id)
    raw = await bodies.read(request, SHORT_BODY)
    return await done(request, tenant, batch_id, close, raw=raw)


_LISTED = (
    *("id", "name", "state", "jobs", "counts", "cost", "projected_cost", "priority", "budget"),
    *("metadata", "created_at", "closed_at", "finished_at", "links"),
)


def _matrix_of(given: dict[str, Any]) -> Matrix | None:
    return None if given.get("matrix") is None else matrix.read(given["matrix"])


def _below(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("is no cursor: give next_cursor of the page before, as it is") from None


def _json(document_: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(text_of(document_), headers=headers, media_type="application/json")
