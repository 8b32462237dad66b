"""The upstream accounts in lines for a person at a terminal."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def account_lines(answer: Mapping[str, Any], now: datetime | None = None) -> Iterator[str]:
    """What `GET /api/v1/account` answered; times are told by how long ago they were."""
    now = now or datetime.now(UTC)
    if not answer["accounts"]:
        yield "no account yet: the first worker has not come up"
    for account in answer["accounts"]:
        yield (
            f"{account['name']} (pool {account['pool']}): "
            f"{account['calls_per_minute']:g} calls a minute | {_balance(account, now)} | "
            f"{account['open_calls']} calls open, up to ${account['committed']}"
        )
        if account["pause"]:
            yield from _pause("PAUSED", account["pause"], now)
        for pause in account["paused_models"]:
            yield from _pause(f"{pause['model']} PAUSED", pause, now)
    counts = [
        f"{count:,}{' or more' if state in answer['jobs_capped'] else ''} {state}"
        for state, count in answer["jobs"].items()
        if count
    ]
    yield f"jobs: {', '.join(counts) or 'none'}"


def pauses_line(answer: Mapping[str, Any]) -> str | None:
    """All that pauses, in one line, of what `GET /api/v1/account` answered; None: nothing does."""
    paused = dict.fromkeys(
        words for account in answer["accounts"] for words in _pauses_in_brief(account)
    )
    return f"account: {', '.join(paused)}, see `segq account`" if paused else None


def _pauses_in_brief(account: Mapping[str, Any]) -> Iterator[str]:
    if account["pause"]:
        yield f"PAUSED ({account['pause']['reason']})"
    for pause in account["paused_models"]:
        yield f"{pause['model']} PAUSED ({pause['reason']})"


def _balance(account: Mapping[str, Any], now: datetime) -> str:
    if account["credits"] is None:
        return "balance not read yet"
    return f"balance ${account['credits']}, read {_age(account['credits_read_at'], now)} ago"


def _pause(what: str, pause: Mapping[str, Any], now: datetime) -> Iterator[str]:
    since = f" for {_age(pause['since'], now)}" if pause["since"] else ""
    until = f", until {pause['until']}" if pause.get("until") else ""
    yield f"  {what}{since}{until} ({pause['reason']}): {pause['what_to_do']}"
    if pause["said"]:
        yield f"    it paused because: {pause['said']}"


def _age(moment: str, now: datetime) -> str:
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    size, unit = next((one for one in _UNITS if seconds >= 2 * one[0]), _UNITS[-1])
    return f"{seconds // size} {unit}"
