"""The upstream accounts in lines for a person at a terminal."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cli.ages import age
from jobs.limiting import AUTO


def account_lines(answer: Mapping[str, Any], now: datetime | None = None) -> Iterator[str]:
    """What `GET /api/v1/account` answered; times are told by how long ago they were."""
    now = now or datetime.now(UTC)
    if not answer["accounts"]:
        yield "no account yet: the first worker has not come up"
    for account in answer["accounts"]:
        yield (
            f"{account['name']} (pool {account['pool']}): "
            f"{_limit(account)} | {_balance(account, now)} | "
            f"{account['open_calls']} calls open, up to ${account['committed']}"
        )
        if key := account.get("key"):
            yield f"  {_key(key)}"
        if change := account.get("changed"):
            yield f"  {_change(change, now)}"
        if account.get("transport"):
            yield f"  all models are called by {account['transport']}, whatever the catalog says"
        if account["pause"]:
            yield from _pause("PAUSED", account["pause"], now)
        for pause in account["paused_models"]:
            yield from _pause(f"{pause['model']} PAUSED", pause, now)
        if troubles := list(_troubles(account)):
            yield f"  {', '.join(troubles)}; see `segq doubts`"
    counts = [
        f"{count:,}{' or more' if state in answer['jobs_capped'] else ''} {state}"
        for state, count in answer["jobs"].items()
        if count
    ]
    yield f"jobs: {', '.join(counts) or 'none'}"


def list_lines(answer: Mapping[str, Any], now: datetime | None = None) -> Iterator[str]:
    """A line for each account."""
    now = now or datetime.now(UTC)
    if not answer["accounts"]:
        yield "no account yet: the first worker has not come up"
    for account in answer["accounts"]:
        works = ", ".join(_pauses_in_brief(account)) or "works"
        key = account.get("key")
        yield f"{account['name']}: {_limit(account)}, {_key(key) if key else 'no key yet'}, {works}"


def _limit(account: Mapping[str, Any]) -> str:
    calls = f"{account['calls_per_minute']:g} calls a minute"
    limit = account.get("limit")  # of which an earlier gateway tells nothing
    if limit is None or limit["configured"] == limit["believed"]:
        return calls
    if limit["configured"] == AUTO:
        return f"{calls} (as learned)"
    return (
        f"{calls} (as learned; configured: {limit['configured'] * 60 / limit['window_seconds']:g})"
    )


def _key(key: Mapping[str, Any]) -> str:
    where = {"environment": "from the environment", "database": "kept encrypted"}
    return f"key …{key['fingerprint']} ({where.get(key['source'], key['source'])})"


def _change(change: Mapping[str, Any], now: datetime) -> str:
    why = f": {change['why']}" if change["why"] else ""
    return f"last changed {age(change['at'], now)} ago ({change['what']}) by {change['by']}{why}"


def trouble_line(answer: Mapping[str, Any]) -> str | None:
    """All that pauses, is in doubt, was sent again or is about to be lost, in one line.

    Of what `GET /api/v1/account` answered; None: there is nothing of it.
    """
    words = dict.fromkeys(
        words
        for account in answer["accounts"]
        for words in (*_pauses_in_brief(account), *_troubles(account))
    )
    return f"account: {', '.join(words)}, see `segq account`" if words else None


def _troubles(account: Mapping[str, Any]) -> Iterator[str]:
    # A gateway of an earlier version tells of neither.
    doubts = account.get("doubts", {})
    for count, what in (
        (doubts.get("open", 0), "in doubt"),
        (doubts.get("sent_again", 0), "sent again after a doubt"),
        (account.get("expiring_soon", 0), "not fetched and about to expire"),
    ):
        if count:
            yield f"{count:,} {what}"


def _pauses_in_brief(account: Mapping[str, Any]) -> Iterator[str]:
    if account["pause"]:
        yield f"PAUSED ({account['pause']['reason']})"
    for pause in account["paused_models"]:
        yield f"{pause['model']} PAUSED ({pause['reason']})"


def _balance(account: Mapping[str, Any], now: datetime) -> str:
    if account["credits"] is None:
        return "balance not read yet"
    return f"balance ${account['credits']}, read {age(account['credits_read_at'], now)} ago"


def _pause(what: str, pause: Mapping[str, Any], now: datetime) -> Iterator[str]:
    since = f" for {age(pause['since'], now)}" if pause["since"] else ""
    until = f", until {pause['until']}" if pause.get("until") else ""
    yield f"  {what}{since}{until} ({pause['reason']}): {pause['what_to_do']}"
    if pause["said"]:
        yield f"    it paused because: {pause['said']}"
