"""The end of a call, whoever read its answer: keep what it brought, settle, forget the receipt."""

import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from db.artifacts import ArtifactsAway, ArtifactStore
from db.crash_points import CrashPoint, reached
from db.rows import Claim, Moved, Output, Settlement
from jobs.account_pauses import Pause
from jobs.doubts import DoubtEnd
from jobs.errors import RequestHeld, Unavailable
from jobs.failures import Failure, FailureKind
from upstream import Reply
from worker.conclude import conclude
from worker.keeping import keep_images
from worker.parts import Parts, pause_limiter, uniform
from worker.receipts import Receipt
from worker.retrying import retry_delays

log = structlog.get_logger()


def finish(
    parts: Parts,
    claim: Claim,
    reply: Reply,
    *,
    pause: Pause | None = None,
    doubt_ends: DoubtEnd | None = None,
) -> Settlement:
    """Keep, then settle. `pause`: what the limiter has begun by its 429. `doubt_ends`: the call was
    found in the history, and how that ends its doubt.

    Raises `RequestHeld` where it was found by a request that another attempt has: nothing of it is
    kept then. Raises `Unavailable` when the worker stops while SQL is away: what was kept is found
    by the sweeper.
    """
    settlement, receipt = _keep(parts, claim, reply, doubt_ends)
    if pause is not None:
        settlement = replace(settlement, pause=pause)
    account = parts.upstream.of(claim.account_id)
    if account is not None and settlement.pause is not None and settlement.pause.until is not None:
        # At once, though SQL may be away. Of other pauses the settle decides whether they still
        # stand, and whoever claims next tells the limiter.
        pause_limiter(account.limiter, settlement.pause)
    try:
        moved = _settle(parts, settlement)
    except RequestHeld:
        remove_images(parts.artifacts, settlement)
        if receipt is not None:
            parts.receipts.settled(receipt)
        raise
    if receipt is not None:
        reached(CrashPoint.SETTLED)
    if moved is Moved.WITHOUT_IMAGES:
        remove_images(parts.artifacts, settlement)
    if receipt is not None:
        parts.receipts.settled(receipt)
    return settlement


def remove_images(store: ArtifactStore, settlement: Settlement) -> None:
    """Nobody wants them, or they are another's. One that stays takes up room and nothing else."""
    for output in settlement.outputs:
        with suppress(ArtifactsAway):
            store.remove(output.artifact)


def _keep(
    parts: Parts, claim: Claim, reply: Reply, doubt_ends: DoubtEnd | None
) -> tuple[Settlement, Receipt | None]:
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
                    request_id=reply.facts.request_id if doubt_ends is not None else None,
                )
                reached(CrashPoint.IMAGES_KEPT)
            settlement = _conclude(parts, claim, reply, outputs, doubt_ends)
            receipt = parts.receipts.keep(settlement) if outputs else None
        except OSError as error:
            log.error("keep_delayed", job=str(claim.job.id), reason=str(error))  # noqa: TRY400
            time.sleep(delay)
        else:
            if receipt is not None:
                reached(CrashPoint.RECEIPT_KEPT)
            return settlement, receipt
    failure = Failure(
        FailureKind.NOT_KEPT,
        "the image came and was paid for, but could not be stored: look at the artifact store",
    )
    return _conclude(parts, claim, replace(reply, result=failure), (), doubt_ends), None


def _conclude(
    parts: Parts,
    claim: Claim,
    reply: Reply,
    outputs: tuple[Output, ...],
    doubt_ends: DoubtEnd | None,
) -> Settlement:
    now = datetime.now(UTC)
    found = conclude(claim, reply, outputs, now=now, uniform=uniform, resets=parts.resets)
    return replace(found, doubt_ended=doubt_ends, found_by_request=doubt_ends is not None)


def _settle(parts: Parts, settlement: Settlement) -> Moved:
    """Commit what an attempt came to, then tell who waits.

    SQL may be away just now: what is known of a call is worth trying again, and when the worker
    gives up the sweeper has the receipt.
    """
    for delay in retry_delays():
        try:
            return parts.settler.settle(settlement)
        except Unavailable as error:
            log.warning("settle_delayed", job=str(settlement.job_id), reason=str(error))
            time.sleep(delay)
    return parts.settler.settle(settlement)
