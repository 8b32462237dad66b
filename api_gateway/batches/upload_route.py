"""`POST /api/v1/batches/{id}/jobs`: lines into a batch, as they arrive."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import problems
from api_gateway.auth import Submitter
from api_gateway.batches.batch_json import rejections
from api_gateway.batches.intake import CUTTERS, MOST_STRICT, Came, Chunk, Intake, StrictIntake, Ways
from api_gateway.batches.lines import LineReader
from api_gateway.batches.routes import MOST_TICKETS
from api_gateway.images_in import Picture
from api_gateway.job_answer import text_of
from api_gateway.kept_images import KeptImages
from api_gateway.openapi import answers, parameter
from api_gateway.parts import Parts, parts_of
from api_gateway.problem_handlers import problem_of
from api_gateway.problems import Problem
from api_gateway.query import Query, whole
from api_gateway.request_bounds import LIVELY
from db.batch_intake import BatchIntake
from db.batch_rows import Batch, Taken
from db.batches import BatchStore
from jobs.batches import MOST_JOBS

router = APIRouter(tags=["batches"])

_TEXT: dict[str, Any] = {"schema": {"type": "string"}}


@router.post(
    "/api/v1/batches/{batch_id}/jobs",
    summary="Add jobs to a batch",
    responses=answers(
        200, "Upload", "All of it was read", *(400, 401, 402, 404, 409, 415, 422, 429, 503)
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/jsonl": _TEXT,
                "text/csv": _TEXT,
                # Whatever is in it: each member is checked by itself.
                "application/json": {"schema": {"type": "array"}},
            },
        },
        "parameters": [
            parameter(
                "first_line",
                {"type": "integer", "minimum": 1, "maximum": 10 * MOST_JOBS, "default": 1},
                "The number of the first line, where a file is sent in parts.",
            ),
            parameter(
                "strict",
                {"type": "boolean", "default": False},
                f"Keep all lines or none; up to {MOST_STRICT:,} of them.",
            ),
        ],
    },
)
async def add_jobs(request: Request, batch_id: UUID, tenant: Submitter) -> Response:
    """JSON Lines, CSV with a header, or a JSON array; `Content-Encoding: gzip` is taken.

    Each line is checked by itself: good ones are in at once, and each other one is told with all
    that is wrong. A line that came before is known by its `custom_id` (by its number where it has
    none) and not added again, so an upload that broke off is simply sent again.
    """
    given = Query(request.query_params, ("first_line", "strict"))
    first_line = given.one("first_line", whole(1, 10 * MOST_JOBS), 1)
    strict = given.one("strict", _flag, default=False)
    given.refuse()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in CUTTERS:
        raise Problem(problems.WRONG_TYPE, f"send the jobs as one of {', '.join(CUTTERS)}")
    gzipped = _is_gzipped(request)
    parts = parts_of(request)
    batch, _ = await run_in_threadpool(BatchStore(parts.database).get, tenant, batch_id)
    kept = KeptImages(parts.inputs, parts.artifacts)
    reader = LineReader(batch, partial(kept.resolve, tenant), first_line, is_csv=kind == "text/csv")
    ways = Ways(
        aside=parts.with_images,
        store=partial(_store, kept, tenant),
        keep=partial(_keep, parts, batch, strict),
    )
    kind_of_intake = StrictIntake if strict else Intake
    intake = kind_of_intake(CUTTERS[kind](), reader, ways, gzipped=gzipped)
    # It may take as long as it likes, as long as something comes.
    request.scope[LIVELY] = True
    return _answer(await intake.run(request.stream()), strict=strict)


def _store(kept: KeptImages, tenant: UUID, pictures: Sequence[Picture]) -> None:
    for picture in pictures:
        kept.keep(tenant, picture)


def _keep(parts: Parts, batch: Batch, strict: bool, chunk: Chunk) -> Taken:
    taken = BatchIntake(parts.database).take(
        batch.tenant_id, batch.id, chunk.lines, chunk.rejections, strict=strict
    )
    if taken.accepted:
        parts.tickets.add(batch.pool, min(taken.accepted, MOST_TICKETS))
    return taken


def _answer(came: Came, *, strict: bool) -> Response:
    """What became of the lines; as a problem where not all of them were read, or none was kept."""
    said = {
        "accepted": came.accepted,
        "known": came.known,
        "rejected": came.rejected,
        "rejections": rejections(came.rejections),
    }
    if came.stopped is not None:
        line, refusal = came.stopped
        problem = problem_of(refusal)
        problem.members |= {**said, "line": line}
        raise problem
    if came.wrong:
        detail = "The upload cannot be read further; lines before that were taken as counted here."
        raise Problem(problems.INVALID_FIELDS, detail, came.wrong, members=said)
    if strict and came.rejected:
        detail = "Some lines cannot be taken, so none was."
        raise Problem(problems.INVALID_FIELDS, detail, members=said)
    headers = {"Cache-Control": "no-store"}
    return Response(text_of(said), headers=headers, media_type="application/json")


def _is_gzipped(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise Problem(
            problems.WRONG_TYPE, f"send the body as it is or gzipped, not {encoding[:20]}"
        )
    return encoding == "gzip"


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"
