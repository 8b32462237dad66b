"""A run: permit → claim → call → keep → settle. One ticket leads to at most one job."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from db import receipts
from db.rows import Claim, Held, Output, Settlement
from jobs import money
from jobs.account_pauses import Pause
from jobs.errors import Unavailable
from jobs.failures import Failure, FailureKind
from jobs.timing import TICKET_PATIENCE
from upstream import Reply
from worker.calling import call
from worker.conclude import conclude
from worker.keeping import keep_images
from worker.parts import Parts, uniform
from worker.stopping import stopping
from worker.turnstile import NoPermit, Permit

log = logging.getLogger(__name__)

PAUSE_STEP = 2.0
"""Seconds that the limiter pauses for a pause without an end; the claim renews it. Short, because a
slot that saw the pause may tell the limiter of it after the pause has ended."""
LAST_TRIES = 5.0
"""Seconds that a worker which is told to stop goes on trying to keep and settle."""


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
        try:
            found = _claim(parts, permit)
            if isinstance(found, Held):
                _pause_limiter(parts, found.pause)
        except Unavailable:
            # Committed or not, nothing was sent. The ticket ends; upkeep will put another.
            _give_back(parts, permit)
            return TicketResult(NoPermit.UNAVAILABLE)
        if isinstance(found, Claim):
            return _run(parts, permit, found, claimed_at)
        _give_back(parts, permit)


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
    if settlement.pause is not None and settlement.pause.until is not None:
        # At once, though SQL may be away. Of other pauses the settle decides whether they still
        # stand, and whoever claims next tells the limiter.
        _pause_limiter(parts, settlement.pause)
    settle(parts, settlement)
    return TicketResult(
        outcome=settlement.failure.kind if settlement.failure else settlement.decision.state,
        job=str(claim.job.id),
        model=claim.job.model,
        seconds=round(time.monotonic() - claimed_at, 3),
        cost=money.text(settlement.cost),
    )


def _keep(parts: Parts, claim: Claim, reply: Reply) -> Settlement:
    """Images and receipt on disk before SQL is told. A full disk may have room again soon."""
    for delay in retry_delays():
        try:
            outputs: tuple[Output, ...] = ()
            if isinstance(reply.result, tuple):
                outputs = keep_images(
                    parts.artifacts,
                    reply.result,
                    tenant=claim.job.tenant_id,
                    job=claim.job.id,
                    number=claim.number,
                )
            settlement = _conclude(parts, claim, reply, outputs)
            if outputs:
                receipts.write(parts.artifacts, settlement)
        except OSError as error:
            log.error("keep_delayed job=%s reason=%s", claim.job.id, error)  # noqa: TRY400
            time.sleep(delay)
        else:
            return settlement
    failure = Failure(
        FailureKind.NOT_KEPT,
        "the image came and was paid for, but could not be stored: look at the artifact folder",
    )
    lost = replace(reply, result=failure)
    return _conclude(parts, claim, lost, ())


def _conclude(parts: Parts, claim: Claim, reply: Reply, outputs: tuple[Output, ...]) -> Settlement:
    now = datetime.now(UTC)
    return conclude(claim, reply, outputs, now=now, uniform=uniform, resets=parts.resets)


def settle(parts: Parts, settlement: Settlement) -> bool:
    """Commit what an attempt came to, then tell who waits; whether the job was moved.

    SQL may be away just now: what is known of a call is worth trying again, and when the worker
    gives up the sweeper has the receipt.
    """
    for delay in retry_delays():
        try:
            return settle_once(parts, settlement)
        except Unavailable as error:
            log.warning("settle_delayed job=%s reason=%s", settlement.job_id, error)
            time.sleep(delay)
    return settle_once(parts, settlement)


def settle_once(parts: Parts, settlement: Settlement) -> bool:
    """One try; raises `Unavailable`."""
    moved = parts.runs.settle(settlement)
    if moved:
        parts.hints.moved(settlement.job_id, settlement.decision.state)
    if settlement.outputs and (moved or not _still_open(parts, settlement)):
        receipts.remove(parts.artifacts, settlement.attempt_id)
    return moved


def retry_delays() -> Iterator[float]:
    """Seconds between tries: 0.2 doubling to 5, for as long as the worker runs, then 5 s more."""
    delay, after_stop = 0.2, 0.0
    while after_stop < LAST_TRIES:
        yield delay
        after_stop += delay if stopping.is_set() else 0.0
        delay = 0.5 if stopping.is_set() else min(5.0, 2 * delay)


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


def _pause_limiter(parts: Parts, pause: Pause) -> None:
    seconds = PAUSE_STEP
    if pause.until is not None:
        # At least a second: where SQL's clock is behind ours it may hold for a little longer.
        seconds = max(1.0, (pause.until - datetime.now(UTC)).total_seconds())
    try:
        parts.limiter.pause(seconds)
    except Unavailable:
        log.warning("limiter_unavailable pause=%s", pause.reason)  # the claim looks at SQL too
