"""What keeps the system going: due jobs, tickets, pauses that end, balances. Runs in its own process.

Each turn is short, bounded and harmless when two of them run at once.
"""

import logging
from datetime import UTC, datetime, timedelta

from celery import Celery

from jobs import credits as balances
from jobs.account_pauses import PauseReason
from jobs.credits import Reading
from jobs.failures import Failure
from jobs.states import State
from jobs.wire import TICKET_CAP
from upstream import Balance
from worker import tickets
from worker.parts import Parts

log = logging.getLogger(__name__)

BATCH = 1_000
"""Jobs moved in one statement."""
OLD_READING = timedelta(seconds=60)
"""A balance older than this is read anew while jobs wait."""


def top_up(parts: Parts, app: Celery) -> dict[str, int]:
    """Move due jobs, end late ones and past pauses, then make good for lost tickets."""
    due = parts.jobs.release_due(BATCH)
    late = parts.jobs.expire(BATCH)
    for job in late:
        parts.hints.moved(job, State.EXPIRED)
    parts.accounts.end_past_pauses()
    paused = parts.accounts.get(parts.account.id).pause
    waiting = 0 if paused else parts.jobs.waiting(parts.pool, TICKET_CAP)
    put = (
        tickets.top_up(app, parts.redis, parts.limiter, pool=parts.pool, waiting=waiting)
        if waiting
        else 0
    )
    return {"due": len(due), "expired": len(late), "tickets": put}


def probe_credits(parts: Parts) -> str:
    """Read the balance (free) when a pause waits for it or when it is old; end the pause if over."""
    account = parts.accounts.get(parts.account.id)
    endless = account.pause is not None and account.pause.until is None
    known = account.credits
    old = known is None or datetime.now(UTC) - known.arrived_at > OLD_READING
    if not endless and not (old and parts.jobs.waiting(parts.pool, 1)):
        return "not needed"
    found = parts.segmind.balance()
    if isinstance(found, Failure):
        return f"failed: {found.kind}"
    parts.accounts.read_credits(account.id, _reading(found))
    if account.pause is not None and endless and _over(parts, account.pause.reason, found):
        if parts.accounts.resume(account.id, account.pause.reason):
            log.info("account_resumed account=%s reason=%s", account.name, account.pause.reason)
        parts.limiter.resume()
        return "resumed"
    return "read"


def _over(parts: Parts, reason: PauseReason, found: Balance) -> bool:
    """Whether what a pause waits for has come. The free endpoint answered, so the key is good."""
    if reason is not PauseReason.CREDITS:
        return True
    price = parts.runs.next_price(parts.pool)
    committed = parts.accounts.committed(parts.account.id)
    return price is None or balances.covers(found.credits, committed, price)


def _reading(found: Balance) -> Reading:
    return Reading(found.credits, found.sent_at, found.arrived_at)
