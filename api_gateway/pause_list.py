"""What pauses, as the API lists it: tenants and groups, accounts and models."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api_gateway import times
from api_gateway.parts import Parts
from api_gateway.pause_words import said
from db.account_values import Account, ModelPause, of_model
from db.hand_pauses import OPERATOR, HandPauses, PausedPlace
from jobs.account_pauses import Pause, PauseReason


def pauses_of(parts: Parts, tenant_id: UUID | None) -> list[dict[str, Any]]:
    """Those of one tenant (None: of all), and those of the accounts and models that serve it."""
    found = [hand_pause(place) for place in HandPauses(parts.database).all(tenant_id)]
    now = datetime.now(UTC)
    for account in parts.accounts.of_pool(parts.pool):
        pause = account.pause(now)
        if pause is not None:
            found.append(_of_account(account, pause))
        found += [_of_model(account, one) for one in parts.accounts.model_pauses(account.id)]
    return found


def hand_pause(place: PausedPlace) -> dict[str, Any]:
    """A pause of a tenant or a group."""
    return _shown(
        kind="tenant" if place.group is None else "group",
        tenant=place.tenant,
        group=place.group,
        reason=PauseReason.OPERATOR,
        by=place.pause.by,
        since=times.text(place.pause.since),
        note=place.pause.note or None,
    )


def _of_account(account: Account, pause: Pause) -> dict[str, Any]:
    limited = pause.reason is PauseReason.RATE_LIMIT
    return _shown(
        kind="account",
        account=account.name,
        reason=pause.reason,
        by=_by(account, pause.reason, account.paused_at),
        since=None if limited else times.text(account.paused_at),
        until=times.text(pause.until),
        note=said(pause.said),
    )


def _of_model(account: Account, pause: ModelPause) -> dict[str, Any]:
    return _shown(
        kind="model",
        account=account.name,
        model=pause.model,
        reason=pause.reason,
        by=_by(account, pause.reason, pause.since, pause.model),
        since=times.text(pause.since),
        note=said(pause.message),
    )


def _by(
    account: Account, reason: PauseReason, since: datetime | None, model: str | None = None
) -> str | None:
    """Who has begun it by hand, as long as it is the last change of the account that is kept."""
    if reason is not PauseReason.OPERATOR:
        return None
    change, at = account.changed, account.changed_at
    is_it = change is not None and change.what == of_model("pause", model)
    if change is None or not is_it or at is None or since is None or at < since:
        return OPERATOR.name
    return change.by


def _shown(**members: Any) -> dict[str, Any]:
    names = (
        "kind",
        "tenant",
        "group",
        "account",
        "model",
        "reason",
        "by",
        "since",
        "until",
        "note",
    )
    return {name: members.get(name) for name in names}
