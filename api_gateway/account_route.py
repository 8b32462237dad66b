"""`GET /api/v1/account`: the upstream accounts, whether they pause, and how many jobs wait."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api_gateway import query, times
from api_gateway.auth import Reader
from api_gateway.openapi import answers
from api_gateway.parts import Parts, parts_of
from api_gateway.pause_words import said, what_to_do
from db.account_values import Account, ModelPause
from db.attempt_history import AttemptHistory
from db.doubts import DoubtStore
from db.job_pages import MOST_COUNTED, JobPages
from db.requests import RequestStore
from jobs import money
from jobs.account_pauses import PauseReason
from jobs.doubts import SENT_AGAIN, DoubtEnd

router = APIRouter(tags=["account"])

_MINUTE = 60
_SOON = timedelta(minutes=10)
"""Results that are not fetched by then are lost with Segmind's records of them."""


@router.get(
    "/api/v1/account",
    summary="Read the upstream accounts",
    responses=answers(200, "Account", "As they are now", 401, 422, 503),
)
async def account(request: Request, tenant: Reader) -> JSONResponse:
    """The accounts at Segmind that make everybody's images, and your own jobs by state.

    Any key reads it: the operator's accounts serve all tenants, and whoever waits may know why.
    """
    query.none(request)
    found = await run_in_threadpool(_read, parts_of(request), tenant)
    # Never from a cache: a pause is to be seen at once.
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


def _read(parts: Parts, tenant: UUID) -> dict[str, Any]:
    counts = JobPages(parts.database).counts(tenant)
    return {
        "accounts": [_account(parts, one) for one in parts.accounts.of_pool(parts.pool)],
        "jobs": counts,
        "jobs_capped": [state for state, count in counts.items() if count >= MOST_COUNTED],
    }


def _account(parts: Parts, account: Account) -> dict[str, Any]:
    reading = account.credits
    return {
        "name": account.name,
        "pool": account.pool,
        "calls_per_minute": _whole(account.believed_limit * _MINUTE / account.window_seconds),
        "limit": {
            "configured": "auto" if account.limit_auto else account.call_limit,
            "believed": account.believed_limit,
            "last_good": (account.learned.good or None) if account.learned else None,
            "window_seconds": account.window_seconds,
            "window_kind": account.window_kind,
        },
        "credits": money.text(reading.credits) if reading else None,
        "credits_read_at": times.text(reading.arrived_at) if reading else None,
        "pause": _pause(account),
        "paused_models": [_model(pause) for pause in parts.accounts.model_pauses(account.id)],
        "open_calls": AttemptHistory(parts.database).open_calls(account.id),
        "committed": money.text(parts.accounts.committed(account.id)),
        "transport": account.transport,
        "key": _key(account),
        "changed": _changed(account),
        "doubts": _doubts(DoubtStore(parts.database).counts(account.id)),
        "expiring_soon": RequestStore(parts.database).near_expiry(_SOON, account.id),
    }


def _doubts(counts: Mapping[str, int]) -> dict[str, int]:
    """How many doubts there are, how the earlier ones ended, and how many calls were sent again."""
    ends = {str(end): counts.get(end, 0) for end in DoubtEnd}
    again = sum(ends[end] for end in SENT_AGAIN)
    return {"open": counts.get("open", 0), **ends, "sent_again": again}


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number


def _key(account: Account) -> dict[str, Any] | None:
    """Of the key itself never more than its end."""
    if account.key_source is None:
        return None
    return {"source": account.key_source, "fingerprint": account.key_fingerprint}


def _changed(account: Account) -> dict[str, Any] | None:
    change = account.changed
    if change is None:
        return None
    at = times.text(account.changed_at)
    return {"what": change.what, "by": change.by, "why": change.why or None, "at": at}


def _pause(account: Account) -> dict[str, Any] | None:
    pause = account.why_idle(datetime.now(UTC))
    if pause is None:
        return None
    limited = pause.reason is PauseReason.RATE_LIMIT
    return {
        "reason": pause.reason,
        "since": None if limited else times.text(account.paused_at),
        "until": times.text(pause.until),
        "said": said(pause.said),
        "what_to_do": what_to_do(pause.reason),
    }


def _model(pause: ModelPause) -> dict[str, Any]:
    return {
        "model": pause.model,
        "reason": pause.reason,
        "since": times.text(pause.since),
        "said": said(pause.message),
        "what_to_do": what_to_do(pause.reason, pause.model),
    }
