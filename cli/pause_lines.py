"""Pauses by hand in words for a person at a terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cli.ages import age
from db.account_values import Account, ModelPause
from db.hand_pauses import HandPause, PausedPlace


def pause_words(pause: HandPause | None) -> str:
    """For one column of a table."""
    if pause is None:
        return ""
    since = age(pause.since.isoformat(), datetime.now(UTC))
    return f"for {since}, by {pause.by}" + (f": {pause.note}" if pause.note else "")


def place_lines(places: Sequence[PausedPlace]) -> Iterator[str]:
    """Tenants and groups that pause."""
    for one in places:
        what = "" if one.group is None else f", group {one.group!r}"
        yield f"tenant {one.tenant}{what}: paused {pause_words(one.pause)}"


def account_lines(account: Account, models: Sequence[ModelPause]) -> Iterator[str]:
    """An upstream account that pauses, and its models that do."""
    now = datetime.now(UTC)
    pause = account.pause(now)
    if pause is not None:
        yield f"account {account.name}: paused ({pause.reason})" + _why(pause.said)
    for one in models:
        since = age(one.since.isoformat(), now)
        yield (
            f"model {one.model} of account {account.name}: paused for {since} ({one.reason})"
            + _why(one.message)
        )


def _why(said: str) -> str:
    return f": {said}" if said else ""
