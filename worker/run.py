"""A run: permit → claim → call → keep → settle. A ticket leads to one job, or to several on request."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from db.crash_points import CrashPoint, reached
from db.rows import Claim, Output, Settlement
from jobs import money
from jobs.errors import Unavailable
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.timing import TICKET_PATIENCE
from upstream import Reply
from worker.calling import call
from worker.conclude import conclude
from worker.keeping import keep_images
from worker.parts import Parts, pause_limiter, uniform
from worker.receipts import Receipt
from worker.settler import Left
from worker.stopping import stopping
from worker.turnstile import NoJob, Taken

log = structlog.get_logger()

LAST_TRIES = 5.0
"""Seconds that a worker which is told to stop goes on trying to keep and settle."""


@dataclass(frozen=True)
class TicketResult:
    """What Flower shows of a ticket. `seconds` from claim to settle; `cost` in USD.

    Of several jobs (`SEGQ_TICKET_SECONDS`) `outcome` counts each kind and `job` is the last.
    """

    outcome: str
    job: str | None = None
    model: str | None = None
    seconds: float | None = None
    cost: str | None = None
    jobs: int = 0


def run_ticket(parts: Parts) -> TicketResult:
    """Serve one ticket: run the job whose turn it is, or end after 30 s without one.

    With `SEGQ_TICKET_SECONDS` it goes on for that long while permits and jobs remain.
    """
    began = time.monotonic()
    until = began + TICKET_PATIENCE
    done: list[tuple[Claim, Settlement]] = []
    while True:
        found = parts.turnstile.pass_through(until)
        if isinstance(found, NoJob):
            return _result(done, began) if done else TicketResult(found)
        done.append((found.claim, _run(parts, found)))
        # What it goes on with must be there at once: a slot that waits is what tickets are for.
        until = time.monotonic()
        if until - began >= parts.ticket_seconds:
            return _result(done, found.claimed_at if len(done) == 1 else began)


def _result(done: list[tuple[Claim, Settlement]], since: float) -> TicketResult:
    claim, _ = done[-1]
    outcomes = Counter(str(s.failure.kind if s.failure else s.decision.state) for _, s in done)
    counted = (f"{count} {outcome}" for outcome, count in outcomes.most_common())
    return TicketResult(
        outcome=next(iter(outcomes)) if len(done) == 1 else ", ".join(counted),
        job=str(claim.job.id),
        model=claim.job.model,
        seconds=round(time.monotonic() - since, 3),
        cost=money.text(Money(sum(settlement.cost for _, settlement in done))),
        jobs=len(done),
    )


def _run(parts: Parts, taken: Taken) -> Settlement:
    claim = taken.claim
    reply = call(parts.segmind, parts.inputs, parts.artifacts, claim, claimed_at=taken.claimed_at)
    left = None
    if reply.sent_monotonic is None:
        _give_back(parts, taken.permit)
    else:
        reached(CrashPoint.ANSWERED)
        left = Left(taken.permit, reply.sent_monotonic - taken.granted_at)
    settlement, receipt = _keep(parts, claim, reply)
    if receipt is not None:
        reached(CrashPoint.RECEIPT_KEPT)
    if settlement.pause is not None and settlement.pause.until is not None:
        # At once, though SQL may be away. Of other pauses the settle decides whether they still
        # stand, and whoever claims next tells the limiter.
        pause_limiter(parts.limiter, settlement.pause)
    _settle(parts, settlement, left)
    if receipt is not None:
        reached(CrashPoint.SETTLED)
        parts.receipts.settled(receipt)
    return settlement


def _keep(parts: Parts, claim: Claim, reply: Reply) -> tuple[Settlement, Receipt | None]:
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
            if outputs:
                reached(CrashPoint.IMAGES_KEPT)
            settlement = _conclude(parts, claim, reply, outputs)
            receipt = parts.receipts.keep(settlement) if outputs else None
        except OSError as error:
            log.error("keep_delayed", job=str(claim.job.id), reason=str(error))  # noqa: TRY400
            time.sleep(delay)
        else:
            return settlement, receipt
    failure = Failure(
        FailureKind.NOT_KEPT,
        "the image came and was paid for, but could not be stored: look at the artifact store",
    )
    lost = replace(reply, result=failure)
    return _conclude(parts, claim, lost, ()), None


def _conclude(parts: Parts, claim: Claim, reply: Reply, outputs: tuple[Output, ...]) -> Settlement:
    now = datetime.now(UTC)
    return conclude(claim, reply, outputs, now=now, uniform=uniform, resets=parts.resets)


def _settle(parts: Parts, settlement: Settlement, left: Left | None) -> bool:
    """Commit what an attempt came to, then tell who waits; whether the job was moved.

    SQL may be away just now: what is known of a call is worth trying again, and when the worker
    gives up the sweeper has the receipt.
    """
    for delay in retry_delays():
        try:
            return parts.settler.settle(settlement, left)
        except Unavailable as error:
            log.warning("settle_delayed", job=str(settlement.job_id), reason=str(error))
            left = None  # the limiter has been told
            time.sleep(delay)
    return parts.settler.settle(settlement)


def retry_delays() -> Iterator[float]:
    """Seconds between tries: 0.2 doubling to 5, for as long as the worker runs, then 5 s more."""
    delay, after_stop = 0.2, 0.0
    while after_stop < LAST_TRIES:
        yield delay
        after_stop += delay if stopping.is_set() else 0.0
        delay = 0.5 if stopping.is_set() else min(5.0, 2 * delay)


def _give_back(parts: Parts, permit: str) -> None:
    try:
        parts.limiter.give_back(permit)
    except Unavailable:
        log.warning("limiter_unavailable", permits=1)  # it counts for longer
