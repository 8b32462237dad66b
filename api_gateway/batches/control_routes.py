"""What is done to a batch as a whole: cancel, pause, resume, change, run again what failed."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, pause_wish, problems, query, strict_json
from api_gateway.auth import Canceler, CancelerWithKey, Submitter, must_have
from api_gateway.batches import new_batch
from api_gateway.batches.verbs import LARGEST_BODY, done
from api_gateway.batches.views import show
from api_gateway.job_answer import text_of
from api_gateway.once import REPLAYS, with_key
from api_gateway.openapi import answers, body, optional_body, parameter, reference
from api_gateway.parts import parts_of
from api_gateway.problems import Problem
from api_gateway.query import Query
from db.api_keys import Opened
from db.batch_sweeps import BatchSweeps
from db.batches import BatchStore
from db.hand_pauses import HandPauses, Who
from jobs.catalog.inputs import shown
from jobs.errors import FieldProblem, InvalidInput
from jobs.scopes import Scope
from jobs.states import State

_RETRIED = (State.FAILED, State.EXPIRED, State.CANCELED)
_STATE = parameter(
    "state",
    {"type": "string", "default": str(State.FAILED)},
    "Those that ended so: failed, expired or canceled; several with commas between.",
)
_REFUSALS = (400, 401, 404, 408, 409, 413, 415, 422, 503)

router = APIRouter(tags=["batches"])


@router.patch(
    "/api/v1/batches/{batch_id}",
    summary="Change a batch",
    responses=answers(200, "Batch", "As it is now", *_REFUSALS),
    openapi_extra=body(**{"application/json": {"schema": reference("BatchChange")}}),
)
async def change(request: Request, batch_id: UUID, tenant: Submitter) -> Response:
    """`priority` is that of all its waiting jobs, a thousand after the other, and of those that come.
    `budget` holds from the next line, or retry, on; null is none.
    """
    query.none(request)
    wanted = new_batch.read_change(_read(request, await _raw(request)))
    database = parts_of(request).database

    def act() -> None:
        with database.write():
            if "priority" in wanted:
                BatchSweeps(database).set_priority(tenant, batch_id, wanted["priority"])
            if "budget" in wanted:
                BatchStore(database).set_budget(tenant, batch_id, wanted["budget"])

    await run_in_threadpool(act)
    headers = {"Cache-Control": "no-store"}
    shown_ = text_of(await show(request, tenant, batch_id))
    return Response(shown_, headers=headers, media_type="application/json")


@router.post(
    "/api/v1/batches/{batch_id}/cancel",
    summary="Cancel a batch",
    responses=answers(200, "Batch", "Canceled, or about to be", *_REFUSALS, says=REPLAYS),
    openapi_extra=with_key(),
)
async def cancel(request: Request, batch_id: UUID, tenant: Canceler) -> Response:
    """From this answer on no call of it leaves that has not left. Calls under way are let finish and
    paid; `counts` tell how far it is. Canceled again, nothing changes.
    """
    query.none(request)
    sweeps = BatchSweeps(parts_of(request).database)
    raw = await _raw(request)
    return await done(request, tenant, batch_id, lambda: sweeps.cancel(tenant, batch_id), raw=raw)


@router.post(
    "/api/v1/batches/{batch_id}/retry",
    summary="Run a batch's failed jobs again",
    responses=answers(
        202, "Batch", "They are put back, a thousand after the other", *_REFUSALS, says=REPLAYS
    ),
    status_code=202,
    openapi_extra=with_key({}, _STATE),
)
async def retry(request: Request, batch_id: UUID, tenant: Submitter) -> Response:
    """Those without images, from the first line on, for as long as queue and budgets have room."""
    given = Query(request.query_params, ("state",))
    usually: tuple[State, ...] = (State.FAILED,)
    states = given.one("state", _states, usually)
    given.refuse()
    sweeps = BatchSweeps(parts_of(request).database)
    again = partial(sweeps.retry, tenant, batch_id, states)
    raw = await _raw(request)
    return await done(request, tenant, batch_id, again, raw=raw, status=202)


@router.post(
    "/api/v1/batches/{batch_id}/pause",
    summary="Pause a batch",
    responses=answers(200, "Batch", "No call of it leaves", *_REFUSALS, says=REPLAYS),
    openapi_extra=with_key(
        optional_body(**{"application/json": {"schema": reference("BatchPause")}})
    ),
)
async def pause(request: Request, batch_id: UUID, opened: CancelerWithKey) -> Response:
    """Its jobs stay queued, lines are taken, calls that have left are let finish. `reason` is told."""
    query.none(request)
    must_have(opened, Scope.CANCEL, "pausing a batch")
    raw = await _raw(request)
    reason = _reason(_read(request, raw) if raw else {})
    database = parts_of(request).database

    def act() -> None:
        batch, _ = BatchStore(database).get(opened.tenant_id, batch_id)
        HandPauses(database).pause(opened.tenant_id, batch.group, _who(opened), reason)

    return await done(request, opened.tenant_id, batch_id, act, raw=raw)


@router.post(
    "/api/v1/batches/{batch_id}/resume",
    summary="End a batch's pause",
    responses=answers(200, "Batch", "It goes on", *_REFUSALS, says=REPLAYS),
    openapi_extra=with_key(),
)
async def resume(request: Request, batch_id: UUID, opened: CancelerWithKey) -> Response:
    """Also of one that paused by itself, since so many of its jobs had failed. A pause that an
    operator began, only a key with `admin` ends.
    """
    query.none(request)
    must_have(opened, Scope.CANCEL, "resuming a batch")
    database = parts_of(request).database

    def act() -> None:
        batch, _ = BatchStore(database).get(opened.tenant_id, batch_id)
        HandPauses(database).resume(opened.tenant_id, batch.group, _who(opened))

    return await done(request, opened.tenant_id, batch_id, act, raw=await _raw(request))


async def _raw(request: Request) -> bytes:
    return await bodies.read(request, LARGEST_BODY)


def _read(request: Request, raw: bytes) -> object:
    if bodies.media_type(request) != "application/json":
        raise Problem(problems.WRONG_TYPE, "send it as Content-Type: application/json")
    return strict_json.parse(raw)


def _reason(given: object) -> str:
    if not isinstance(given, dict):
        raise InvalidInput([FieldProblem("body", "must be a JSON object", shown(given))])
    return pause_wish.read_reason(given)


def _states(text: str) -> tuple[State, ...]:
    names = text.split(",")
    if wrong := [one for one in names if one not in _RETRIED]:
        raise ValueError(f"must be among {', '.join(_RETRIED)}, not {wrong[0][:40]}")
    return tuple(dict.fromkeys(State(one) for one in names))


def _who(opened: Opened) -> Who:
    return Who(opened.label or "a key", is_admin=Scope.ADMIN in opened.scopes)
