"""What keeps the system going: due jobs, late jobs, tickets, balances. Runs in its own process.

Each turn is short, bounded and harmless when two of them run at once.
"""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

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
MOST_EXPIRED = 20_000
"""Jobs ended in one turn at the most: those that are too late stand in the others' way."""
OLD_READING = timedelta(seconds=60)
"""A balance older than this is read anew while jobs wait."""


def top_up(parts: Parts, app: Celery) -> dict[str, int]:
    """Move due jobs, end late ones, then make good for lost tickets."""
    due = len(parts.jobs.release_due(BATCH))
    late: list[UUID] = []
    while expired := parts.jobs.expire(BATCH):
        late += expired
        if len(late) >= MOST_EXPIRED:
            break
    for job in late:
        parts.hints.moved(job, State.EXPIRED)
    account = parts.accounts.get(parts.account.id)
    waiting = 0
    if account.pause(datetime.now(UTC)) is None:
        waiting = parts.jobs.waiting(parts.pool, TICKET_CAP)
    put = 0
    if waiting:
        put = tickets.top_up(app, parts.redis, parts.limiter, pool=parts.pool, waiting=waiting)
    return {"due": due, "expired": len(late), "tickets": put}


def probe_credits(parts: Parts) -> str:
    """Read the balance (free) when a pause waits for it or when it is old; end the pause if over."""
    account = parts.accounts.get(parts.account.id)
    reason = account.paused_for
    known = account.credits
    old = known is None or datetime.now(UTC) - known.arrived_at > OLD_READING
    if reason is None and not (old and parts.jobs.waiting(parts.pool, 1)):
        return "not needed"
    found = parts.segmind.balance()
    if isinstance(found, Failure):
        return f"failed: {found.kind}"
    parts.accounts.read_credits(account.id, _reading(found))
    if reason is None or not _over(parts, reason, found):
        return "read"
    if parts.accounts.resume(account.id, reason):
        log.info("account_resumed account=%s reason=%s", account.name, reason)
    parts.limiter.resume(account.limited_for(datetime.now(UTC)))
    return "resumed"


def _over(parts: Parts, reason: PauseReason, found: Balance) -> bool:
    """Whether what a pause waits for has come. The free endpoint answered, so the key is good."""
    if reason is not PauseReason.CREDITS:
        return True
    price = parts.runs.next_price(parts.pool)
    committed = parts.accounts.committed(parts.account.id)
    return price is None or balances.covers(found.credits, committed, price)


def _reading(found: Balance) -> Reading:
    return Reading(found.credits, found.sent_at, found.arrived_at)
