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

from db import receipts
from db.crash_points import CrashPoint, reached
from db.rows import Lost, Settlement
from jobs.errors import Unavailable
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO
from jobs.retry import Decision
from jobs.states import State
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
            for receipt in kept:
                if parts.settler.settle(receipt):
                    log.info("settled_from_receipt", job=receipt.job_id)
                    ended["settled"] += 1
            if kept:
                reached(CrashPoint.SWEPT)
            receipts.remove(parts.artifacts, key)
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
    parts.runs.forget_settled_turns()
    return dict(ended)


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
