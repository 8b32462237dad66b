"""The sweeper: settles what dead workers left behind.

A receipt settles its attempt. An attempt whose lease ran out without one is in doubt: an expired
lease never proves that nothing was sent.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import structlog

from db import pending_requests, receipts
from db.crash_points import CrashPoint, reached
from db.rows import Lost, Moved, Settlement
from jobs.errors import RequestHeld, Unavailable
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO
from jobs.retry import Decision
from jobs.states import State
from worker.finishing import remove_images
from worker.keeping import recovered
from worker.parts import Parts

log = structlog.get_logger()

BATCH = 200
"""Lost attempts a turn, so that a turn stays short after a whole fleet died."""


def sweep(parts: Parts) -> dict[str, int]:
    """One turn; how many attempts were settled and how many are in doubt now.

    One that cannot be handled is told and left: it must not keep the others waiting.
    """
    ended = Counter[str]()
    for key, kept in _receipts(parts).items():
        with _told_and_left(receipts=key):
            ended["settled"] += sum(_settled(parts, receipt) for receipt in kept)
            if kept:
                reached(CrashPoint.SWEPT)
            receipts.remove(parts.artifacts, key)
    for key in pending_requests.pending(parts.artifacts):
        with _told_and_left(receipts=key):
            ended["requests"] += _written(parts, key)
    _sweep_lost(parts, ended)
    parts.runs.forget_settled_turns()
    return {what: count for what, count in ended.items() if count}


def _settled(parts: Parts, receipt: Settlement) -> bool:
    """Settle what a receipt tells; whether that moved its job."""
    try:
        moved = parts.settler.settle(receipt)
    except RequestHeld:
        # Found in the history twice at the same moment: it is the other's, and so is the image.
        remove_images(parts.artifacts, receipt)
        return False
    if moved is Moved.WITHOUT_IMAGES:
        remove_images(parts.artifacts, receipt)
    if moved:
        log.info("settled_from_receipt", job=receipt.job_id)
    return bool(moved)


def _written(parts: Parts, key: str) -> bool:
    """Write down the id of a v2 request that SQL could not take when it became known."""
    accepted = pending_requests.read(parts.artifacts, key)
    if accepted is not None:
        parts.requests.accepted([accepted])
        log.info("request_recovered", job=accepted.job_id)
    parts.artifacts.remove(key)
    return accepted is not None


def _sweep_lost(parts: Parts, ended: Counter[str]) -> None:
    lost = parts.runs.lost(BATCH)
    # A worker may have kept something between the look at all receipts and now.
    latest = (
        {one.attempt_id: one for kept in _receipts(parts).values() for one in kept} if lost else {}
    )
    for one in lost:
        with _told_and_left(attempt=one.attempt_id):
            settlement = latest.get(one.attempt_id) or _conclude(parts, one)
            if parts.settler.settle(settlement):
                ended["in_doubt" if settlement.failure else "settled"] += 1


def _receipts(parts: Parts) -> dict[str, list[Settlement]]:
    """All that are kept, by the key of their file."""
    found: dict[str, list[Settlement]] = {}
    for key in receipts.pending(parts.artifacts):
        with _told_and_left(receipts=key):
            found[key] = receipts.read(parts.artifacts, key)
    return found


@contextmanager
def _told_and_left(*, attempt: UUID | None = None, receipts: str | None = None) -> Iterator[None]:
    try:
        yield
    except Unavailable:
        raise  # nothing can be done just now
    except Exception:
        log.exception("cannot_settle", attempt=attempt, receipts=receipts)


def _conclude(parts: Parts, lost: Lost) -> Settlement:
    outputs = recovered(parts.artifacts, lost)
    if outputs:
        # An image without a receipt counts as paid, at what it costs at the most.
        log.info("recovered_without_receipt", job=lost.job_id)
        return replace(
            _doubt(lost),
            decision=Decision(State.SUCCEEDED, spends_attempt=True),
            cost=lost.estimate,
            outputs=outputs,
            failure=None,
        )
    log.warning("in_doubt", job=lost.job_id, number=lost.number)
    return _doubt(lost)


def _doubt(lost: Lost) -> Settlement:
    return Settlement(
        attempt_id=lost.attempt_id,
        account_id=lost.account_id,
        job_id=lost.job_id,
        tenant_id=lost.tenant_id,
        number=lost.number,
        decision=Decision(State.IN_DOUBT, spends_attempt=True),
        cost=ZERO,
        cost_known=False,
        seed=lost.seed,
        failure=Failure(
            FailureKind.WORKER_LOST,
            "its worker was lost after the call may have been sent: it may have been paid, so it "
            "is not sent again by itself",
        ),
    )
