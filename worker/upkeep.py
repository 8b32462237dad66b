"""What keeps the system going: due jobs, late jobs, tickets, balances. Runs in its own process.

Each turn is short, bounded and harmless when two of them run at once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from celery import Celery

from db.account_values import Account
from db.crash_points import CrashPoint, reached
from jobs import credits as balances
from jobs.account_pauses import PauseReason
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO
from jobs.states import State
from jobs.wire import TICKET_CAP
from upstream import Balance
from worker import tickets
from worker.parts import Parts
from worker.upstream_accounts import UpstreamAccount

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
    back += parts.covering.bring_back(BATCH)
    parts.idempotency.forget_old(BATCH)
    at_work = parts.upstream.at_work()
    rows = parts.accounts.of_pool(parts.pool)
    _take_over(parts, rows)
    waiting = 0
    if _may_leave(parts, rows):
        waiting = parts.jobs.waiting(parts.pool, TICKET_CAP)
    put = 0
    if waiting and at_work:
        # What slots hold is counted for the pool: any limiter of it knows.
        limiter = at_work[0].limiter
        put = tickets.top_up(app, parts.redis, limiter, pool=parts.pool, waiting=waiting, back=back)
    return {"due": due, "expired": len(late), "held": held, "back": back, "tickets": put}


def _take_over(parts: Parts, rows: Sequence[Account]) -> None:
    """Tell the limiters what is configured by now, and write down what they have learned since."""
    for account in rows:
        upstream = parts.upstream.of(account.id)
        if upstream is None:
            continue  # nobody calls with it
        learned = upstream.limiter.configure(account)
        if learned is not None and learned != account.learned:
            parts.limits.learn(account.id, learned)


def work_may_leave(parts: Parts) -> bool:
    """Whether an account of the pool neither pauses nor is without a key."""
    return _may_leave(parts, parts.accounts.of_pool(parts.pool))


def _may_leave(parts: Parts, rows: Sequence[Account]) -> bool:
    now, at_work = parts.accounts.time(), {one.id for one in parts.upstream.at_work()}
    return any(one.id in at_work and one.pause(now) is None for one in rows)


def probe_credits(parts: Parts) -> dict[str, str]:
    """`probe` each account at work, several at once; what came of it, by name."""
    at_work = parts.upstream.at_work()
    found = parts.askers.map(lambda one: probe(parts, one), at_work)
    return dict(zip((one.name for one in at_work), found, strict=True))


def probe(parts: Parts, upstream: UpstreamAccount) -> str:
    """Read the balance (free) when a pause waits for it or when it is old; end the pause if over."""
    account = parts.accounts.get(upstream.id)
    reason = account.paused_for
    known = account.credits
    if reason is PauseReason.OPERATOR:
        return "paused by hand"
    old = known is None or datetime.now(UTC) - known.arrived_at > OLD_READING
    # With a floor an unknown balance covers no call: the first job would wait for a probe.
    asked_for = known is None and parts.terms.floor > ZERO
    if reason is None and not (asked_for or (old and parts.jobs.waiting(parts.pool, 1))):
        return "not needed"
    found = upstream.segmind.balance()
    if isinstance(found, Failure):
        _tell(parts, account, found)
        return f"failed: {found.kind}"
    parts.accounts.read_credits(account.id, _reading(found))
    if reason is None:
        return "read"
    if not _over(parts, account, reason, found):
        parts.accounts.tell_probe_trouble(account.id, None)
        return "read"
    if parts.accounts.resume(account.id, reason):
        log.info("account_resumed", account=account.name, reason=reason)
        reached(CrashPoint.RESUMED)
    upstream.limiter.resume(account.limited_for(parts.accounts.time()))
    return "resumed"


def _tell(parts: Parts, account: Account, failure: Failure) -> None:
    """A probe that fails for good would keep the account paused for ever, and nobody would know."""
    reason = account.paused_for
    if reason is PauseReason.KEY_REFUSED and failure.kind is FailureKind.UNAUTHORIZED:
        return  # this is what the pause says
    trouble = f"{failure.message} ({failure.status or failure.kind})"
    if reason is not None and parts.accounts.tell_probe_trouble(account.id, trouble):
        log.warning("probe_fails", account=account.name, reason=reason, said=trouble)


def _over(parts: Parts, account: Account, reason: PauseReason, found: Balance) -> bool:
    """Whether what a pause waits for has come. The free endpoint answered, so the key is good."""
    if reason is not PauseReason.CREDITS:
        return True
    price = parts.runs.next_price(parts.pool, account.id)
    committed = parts.accounts.committed(account.id)
    return price is None or balances.covers(found.credits, committed, price, parts.terms.floor)


def _reading(found: Balance) -> Reading:
    return Reading(found.credits, found.sent_at, found.arrived_at)
