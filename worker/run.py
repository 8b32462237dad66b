"""A run: permit → claim → call → keep → settle. One ticket leads to at most one job."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from db import receipts
from db.rows import Claim, Held, Output, Settlement
from jobs import account_pauses, money
from jobs.account_pauses import Pause
from jobs.errors import Unavailable
from jobs.timing import TICKET_PATIENCE
from upstream import Reply
from worker.calling import call
from worker.conclude import conclude
from worker.keeping import keep_images, keep_receipt
from worker.parts import Parts, uniform
from worker.stopping import stopping
from worker.turnstile import NoPermit, Permit

log = logging.getLogger(__name__)

PAUSE_STEP = 30.0
"""Seconds that the limiter pauses for a pause without an end; the claim renews it."""


@dataclass(frozen=True)
class TicketResult:
    """What Flower shows of a ticket. `seconds` from claim to settle; `cost` in USD."""

    outcome: str
    job: str | None = None
    model: str | None = None
    seconds: float | None = None
    cost: str | None = None


def run_ticket(parts: Parts) -> TicketResult:
    """Serve one ticket: run the job whose turn it is, or end after 30 s without a permit."""
    until = time.monotonic() + TICKET_PATIENCE
    while True:
        permit = parts.turnstile.permit(until)
        if isinstance(permit, NoPermit):
            return TicketResult(permit)
        # Before the claim: a process that is stopped right after its commit must know it later.
        claimed_at = time.monotonic()
        found = _claim(parts, permit)
        if isinstance(found, Claim):
            return _run(parts, permit, found, claimed_at)
        _give_back(parts, permit)
        if found is not None:
            _hold(parts, found.pause)


def _claim(parts: Parts, permit: Permit) -> Claim | Held | None:
    if permit.lapsed or stopping.is_set():
        return None
    return parts.runs.claim(
        parts.pool, parts.account.id, lease=parts.timing.lease, dearest=permit.dearest
    )


def _run(parts: Parts, permit: Permit, claim: Claim, claimed_at: float) -> TicketResult:
    reply = call(parts.segmind, parts.inputs, parts.artifacts, claim, claimed_at=claimed_at)
    _tell_limiter(parts, permit, reply)
    settlement = _keep(parts, claim, reply)
    settle(parts, settlement)
    if settlement.failure is not None:
        pause = account_pauses.after(settlement.failure, datetime.now(UTC))
        if pause is not None:
            _hold(parts, pause)
    return TicketResult(
        outcome=settlement.failure.kind if settlement.failure else settlement.decision.state,
        job=str(claim.job.id),
        model=claim.job.model,
        seconds=round(time.monotonic() - claimed_at, 3),
        cost=money.text(settlement.cost),
    )


def _keep(parts: Parts, claim: Claim, reply: Reply) -> Settlement:
    outputs: tuple[Output, ...] = ()
    if isinstance(reply.result, tuple):
        outputs = keep_images(
            parts.artifacts,
            reply.result,
            tenant=claim.job.tenant_id,
            job=claim.job.id,
            number=claim.number,
        )
    settlement = conclude(claim, reply, outputs, now=datetime.now(UTC), uniform=uniform)
    if outputs:
        keep_receipt(parts.artifacts, settlement)
    return settlement


def settle(parts: Parts, settlement: Settlement, *, swept: bool = False) -> bool:
    """Commit what an attempt came to, then tell who waits; whether the job was moved.

    SQL may be away just now: what was paid for is tried again until the worker is told to stop,
    and after that the sweeper has the receipt.
    """
    delay = 0.2
    while True:
        try:
            moved = parts.runs.settle(settlement, swept=swept)
            break
        except Unavailable as error:
            log.warning("settle_delayed job=%s reason=%s", settlement.job_id, error)
            if swept or stopping.wait(delay):
                raise
            delay = min(5.0, 2 * delay)
    if moved:
        parts.hints.moved(settlement.job_id, settlement.decision.state)
    if settlement.outputs and (moved or not _still_open(parts, settlement)):
        receipts.remove(parts.artifacts, settlement.attempt_id)
    return moved


def _still_open(parts: Parts, settlement: Settlement) -> bool:
    return parts.runs.is_open(settlement.attempt_id, settlement.job_id, settlement.number)


def _tell_limiter(parts: Parts, permit: Permit, reply: Reply) -> None:
    try:
        if reply.sent_monotonic is None:
            parts.limiter.give_back(permit.name)
        else:
            parts.limiter.sent(permit.name, reply.sent_monotonic - permit.granted_at)
    except Unavailable:
        log.warning("limiter_unavailable permit=%s", permit.name)  # the permit counts for longer


def _give_back(parts: Parts, permit: Permit) -> None:
    try:
        parts.limiter.give_back(permit.name)
    except Unavailable:
        log.warning("limiter_unavailable permit=%s", permit.name)


def _hold(parts: Parts, pause: Pause) -> None:
    """Pause the account, in SQL first: a Redis that forgets must not resume it."""
    parts.accounts.pause(parts.account.id, pause)
    seconds = PAUSE_STEP
    if pause.until is not None:
        seconds = (pause.until - datetime.now(UTC)).total_seconds()
    try:
        parts.limiter.pause(max(0.0, seconds))
    except Unavailable:
        log.warning("limiter_unavailable pause=%s", pause.reason)  # the claim looks at SQL too
