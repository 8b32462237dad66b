"""What pauses, and the two verbs that begin and end a pause by hand."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from api_gateway import bodies, pause_wish, query, strict_json
from api_gateway.auth import CancelerWithKey, ReaderWithKey, must_have
from api_gateway.change_routes import LARGEST_BODY
from api_gateway.job_answer import text_of
from api_gateway.once import IN_USE, REPLAYS, asked, with_key
from api_gateway.openapi import answers, body, reference
from api_gateway.parts import Parts, parts_of
from api_gateway.pause_list import hand_pause, pauses_of
from api_gateway.pause_wish import PauseWish
from api_gateway.problems import WRONG_TYPE, Problem
from db.account_values import Account, Change, of_model
from db.accounts import AccountStore
from db.api_keys import Opened
from db.hand_pauses import HandPauses, PausedPlace, Who
from db.idempotency import Answer
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.errors import NotFound
from jobs.scopes import Scope

router = APIRouter(tags=["pauses"])

_REFUSALS = (400, 401, 404, 408, 413, 415, 422, 503)


@router.get(
    "/api/v1/pauses",
    summary="List what pauses",
    responses=answers(200, "Pauses", "As it is now", 401, 422, 503),
)
async def pauses(request: Request, opened: ReaderWithKey) -> JSONResponse:
    """Your tenant and its groups, and the accounts and models that serve all tenants.

    A key with the scope `admin` sees every tenant's.
    """
    must_have(opened, Scope.READ, "GET /api/v1/pauses")
    query.none(request)
    mine = None if Scope.ADMIN in opened.scopes else opened.tenant_id
    found = await run_in_threadpool(pauses_of, parts_of(request), mine)
    return JSONResponse({"pauses": found}, headers={"Cache-Control": "no-store"})


@router.post(
    "/api/v1/pauses",
    summary="Pause a tenant, a group, an account or a model",
    responses=answers(200, "Pauses", "What pauses now", *_REFUSALS, says=REPLAYS) | IN_USE,
    openapi_extra=with_key(body(**{"application/json": {"schema": reference("PauseWish")}})),
)
async def pause(request: Request, opened: CancelerWithKey) -> Response:
    """Jobs wait, submits go on, and calls that have left are let finish.

    Your own tenant and its groups need the scope `cancel`; other tenants, accounts and models need
    `admin`. What pauses already stays as it is, but an admin's pause takes the place of a tenant's.
    """
    return await _verb(request, opened, _paused, with_reason=True)


@router.post(
    "/api/v1/pauses/resume",
    summary="End a pause",
    responses=answers(200, "Resumed", "It goes on", *_REFUSALS, says=REPLAYS) | IN_USE,
    openapi_extra=with_key(body(**{"application/json": {"schema": reference("ResumeWish")}})),
)
async def resume(request: Request, opened: CancelerWithKey) -> Response:
    """Of what a pause names. One that an admin began, only an admin ends."""
    return await _verb(request, opened, _resumed, with_reason=False)


async def _verb(
    request: Request,
    opened: Opened,
    act: Callable[[Parts, Opened, PauseWish], dict[str, Any]],
    *,
    with_reason: bool,
) -> Response:
    if bodies.media_type(request) != "application/json":
        raise Problem(WRONG_TYPE, "send it as Content-Type: application/json")
    raw = await bodies.read(request, LARGEST_BODY)
    wish = pause_wish.read(strict_json.parse(raw), with_reason=with_reason)
    parts = parts_of(request)
    # Before a kept answer is given again: its key may have been another, which might do it.
    await run_in_threadpool(_must_be_allowed, parts, opened, wish)
    async with asked(request, opened.tenant_id, raw) as ask:
        if ask.replay is not None:
            return ask.replay

        def answer() -> tuple[None, Answer]:
            return None, Answer(200, {}, text_of(act(parts, opened, wish)))

        return (await run_in_threadpool(ask.commit, answer))[1]


def _paused(parts: Parts, opened: Opened, wish: PauseWish) -> dict[str, Any]:
    if wish.account is None and wish.model is None:
        tenant_id, name = _tenant(parts, opened, wish)
        store = HandPauses(parts.database)
        found = store.pause(tenant_id, wish.group, _who(opened), wish.reason)
        return {"pauses": [hand_pause(PausedPlace(name, wish.group, found))]}
    change = Change(of_model("pause", wish.model), _who(opened).name, wish.reason)
    for account in _accounts(parts, wish):
        said = Pause(PauseReason.OPERATOR, None, wish.model, wish.reason)
        parts.accounts.pause(account.id, said, change)
    shown = pauses_of(parts, opened.tenant_id)
    return {"pauses": [one for one in shown if _is_of(one, wish)]}


def _resumed(parts: Parts, opened: Opened, wish: PauseWish) -> dict[str, Any]:
    if wish.account is None and wish.model is None:
        tenant_id, _ = _tenant(parts, opened, wish)
        store = HandPauses(parts.database)
        return {"resumed": store.resume(tenant_id, wish.group, _who(opened))}
    change = Change("resume", _who(opened).name)
    ended = [_end(parts.accounts, one, wish.model, change) for one in _accounts(parts, wish)]
    return {"resumed": any(ended)}


def _end(accounts: AccountStore, account: Account, model: str | None, change: Change) -> bool:
    if model is not None:
        return accounts.resume_model(account.id, model, change)
    reason = account.paused_for
    return reason is not None and accounts.resume(account.id, reason, change)


def _must_be_allowed(parts: Parts, opened: Opened, wish: PauseWish) -> None:
    """Raises `NotAllowed`."""
    if Scope.ADMIN in opened.scopes:
        return
    own = TenantStore(parts.database).get(opened.tenant_id).name
    if wish.account is not None or wish.model is not None or wish.tenant not in {None, own}:
        must_have(opened, Scope.ADMIN, "pausing and resuming what is not your own tenant's")
    must_have(opened, Scope.CANCEL, "pausing and resuming your own tenant")


def _tenant(parts: Parts, opened: Opened, wish: PauseWish) -> tuple[UUID, str]:
    """The tenant's id and name."""
    store = TenantStore(parts.database)
    found = store.get(opened.tenant_id) if wish.tenant is None else store.named(wish.tenant)
    return found.id, found.name


def _accounts(parts: Parts, wish: PauseWish) -> list[Account]:
    found = [one for one in parts.accounts.of_pool(parts.pool) if wish.account in {None, one.name}]
    if not found:
        raise NotFound(
            f"there is no account {wish.account}" if wish.account else "there is no account yet"
        )
    return found


def _is_of(shown: dict[str, Any], wish: PauseWish) -> bool:
    if wish.model is not None:
        return bool(shown["model"] == wish.model)
    return bool(shown["kind"] == "account" and shown["account"] == wish.account)


def _who(opened: Opened) -> Who:
    return Who(opened.label or "a key", is_admin=Scope.ADMIN in opened.scopes)
