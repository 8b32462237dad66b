"""What keeps the system going: due jobs, late jobs, tickets, balances. Runs in its own process.

Each turn is short, bounded and harmless when two of them run at once.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from celery import Celery

from db.crash_points import CrashPoint, reached
from db.rows import Account
from jobs import credits as balances
from jobs.account_pauses import PauseReason
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.states import State
from jobs.wire import TICKET_CAP
from upstream import Balance
from worker import tickets
from worker.parts import Parts

log = structlog.get_logger()

BATCH = 1_000
"""Jobs moved in one statement."""
MOST_MOVED = 5_000
"""Jobs of a kind moved in one turn, about: who may not run stands in the way of those who may. A
turn comes every second and should not take longer."""
OLD_READING = timedelta(seconds=60)
"""A balance older than this is read anew while jobs wait."""


def top_up(parts: Parts, app: Celery) -> dict[str, int]:
    """Move due jobs, end late ones, hold and bring back, forget, make good for lost tickets."""
    due = len(parts.jobs.release_due(BATCH))
    if due:
        reached(CrashPoint.RELEASED)
    late: list[UUID] = []
    while expired := parts.jobs.expire(BATCH):
        late += expired
        if len(late) >= MOST_MOVED:
            break
    parts.hints.moved(*((job, State.EXPIRED) for job in late))
    held = parts.held.hold(parts.pool, MOST_MOVED)
    back = parts.held.bring_back(parts.pool, MOST_MOVED)
    parts.idempotency.forget_old(BATCH)
    account = parts.accounts.get(parts.account.id)
    _take_over(parts, account)
    waiting = 0
    if account.pause(datetime.now(UTC)) is None:
        waiting = parts.jobs.waiting(parts.pool, TICKET_CAP)
    put = 0
    if waiting:
        put = tickets.top_up(
            app, parts.redis, parts.limiter, pool=parts.pool, waiting=waiting, back=back
        )
    return {"due": due, "expired": len(late), "held": held, "back": back, "tickets": put}


def _take_over(parts: Parts, account: Account) -> None:
    """Tell the limiter what is configured by now, and write down what it has learned since."""
    learned = parts.limiter.configure(account)
    if learned is not None and learned != account.learned:
        parts.learned.learn(account.id, learned)


def probe_credits(parts: Parts) -> str:
    """Read the balance (free) when a pause waits for it or when it is old; end the pause if over."""
    account = parts.accounts.get(parts.account.id)
    reason = account.paused_for
    known = account.credits
    old = known is None or datetime.now(UTC) - known.arrived_at > OLD_READING
    if reason is PauseReason.OPERATOR:
        return "paused by hand"
    if reason is None and not (old and parts.jobs.waiting(parts.pool, 1)):
        return "not needed"
    found = parts.segmind.balance()
    if isinstance(found, Failure):
        _tell(parts, reason, found)
        return f"failed: {found.kind}"
    parts.accounts.read_credits(account.id, _reading(found))
    if reason is None:
        return "read"
    if not _over(parts, reason, found):
        parts.accounts.tell_probe_trouble(account.id, None)
        return "read"
    if parts.accounts.resume(account.id, reason):
        log.info("account_resumed", account=account.name, reason=reason)
        reached(CrashPoint.RESUMED)
    parts.limiter.resume(account.limited_for(datetime.now(UTC)))
    return "resumed"


def _tell(parts: Parts, reason: PauseReason | None, failure: Failure) -> None:
    """A probe that fails for good would keep the account paused for ever, and nobody would know."""
    if reason is PauseReason.KEY_REFUSED and failure.kind is FailureKind.UNAUTHORIZED:
        return  # this is what the pause says
    trouble = f"{failure.message} ({failure.status or failure.kind})"
    if reason is not None and parts.accounts.tell_probe_trouble(parts.account.id, trouble):
        log.warning("probe_fails", account=parts.account.name, reason=reason, said=trouble)


def _over(parts: Parts, reason: PauseReason, found: Balance) -> bool:
    """Whether what a pause waits for has come. The free endpoint answered, so the key is good."""
    if reason is not PauseReason.CREDITS:
        return True
    price = parts.runs.next_price(parts.pool, parts.account.id)
    committed = parts.accounts.committed(parts.account.id)
    return price is None or balances.covers(found.credits, committed, price)


def _reading(found: Balance) -> Reading:
    return Reading(found.credits, found.sent_at, found.arrived_at)
