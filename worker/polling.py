"""v2 requests under way: asks how those are doing that are due, and ends those that are done.

No slot waits for them. Whoever asks holds a request for a while, so that two upkeeps do not ask for
the same, and one that died is followed by another. Asking is free and can be repeated.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import structlog

from db.crash_points import CrashPoint, reached
from db.requests import Due, Underway
from jobs.errors import Unavailable
from jobs.failures import Failure, FailureKind
from jobs.polling import NEAR_EXPIRY, next_poll
from upstream import Facts, Image, Record, Reply, RequestState, Segmind
from worker.fetching import fetched
from worker.finishing import finish
from worker.parts import Parts, uniform

log = structlog.get_logger()

BATCH = 500
"""Requests asked about in one turn, which comes every second."""
HOLD = timedelta(seconds=90)
"""Longer than a question, a download and a settle take together."""
_AFTER_A_LIMIT = 15.0
"""Seconds to wait after a 429: it delays the question, and nothing else."""
_WITHOUT_A_KEY = 15.0
"""Seconds until it is looked again whether the account's key is known."""


def poll(parts: Parts) -> dict[str, int]:
    """One turn; how many requests came to what."""
    due = parts.requests.take_due(BATCH, HOLD)
    found = list(parts.askers.map(lambda one: _asked(parts, one), due))
    parts.requests.ask_again(
        [
            (one.attempt_id, wait)
            for one, (_, wait) in zip(due, found, strict=True)
            if wait is not None
        ]
    )
    return dict(Counter(outcome for outcome, _ in found))


def tell_expiring(parts: Parts) -> int:
    """Alert to results that are not fetched and soon cannot be; how many there are."""
    count = parts.requests.near_expiry(timedelta(seconds=NEAR_EXPIRY))
    if count:
        log.warning("results_expire", count=count, within=NEAR_EXPIRY)
    return count


def _asked(parts: Parts, due: Due) -> tuple[str, float | None]:
    """What came of one question, and in how many seconds to ask again; None: not any more."""
    again = next_poll(due.age, uniform)
    account = parts.upstream.of(due.account_id)
    if account is None:
        log.warning("key_not_known", request=due.request_id, account=str(due.account_id))
        return "key not known", max(again, _WITHOUT_A_KEY)
    try:
        found = _record(account.segmind, due.request_id)
        if isinstance(found, Record) and found.state not in {
            RequestState.COMPLETED,
            RequestState.FAILED,
        }:
            return "under way", again
        if isinstance(found, Failure) and found.kind is not FailureKind.RECORD_EXPIRED:
            limited = found.kind is FailureKind.RATE_LIMITED
            log.info("poll_failed", request=due.request_id, kind=str(found.kind))
            return str(found.kind), max(again, _AFTER_A_LIMIT) if limited else again
        return _end(parts, account.segmind, due, found, again)
    except Unavailable:
        return "SQL away", None  # nor could the next question be written down; the hold ends
    except Exception:
        log.exception("poll_broke", request=due.request_id)
        return "broke", again


def _record(segmind: Segmind, request_id: str) -> Record | Failure:
    """The state alone costs Segmind least; the whole is asked for when it is done."""
    found = segmind.record(request_id, whole=False)
    if isinstance(found, Record) and found.state is RequestState.COMPLETED:
        reached(CrashPoint.POLLED)
        return segmind.record(request_id, whole=True)
    return found


def _end(
    parts: Parts, segmind: Segmind, due: Due, found: Record | Failure, again: float
) -> tuple[str, float | None]:
    underway = parts.requests.underway([due.attempt_id]).get(due.attempt_id)
    if underway is None:  # as after another database was restored
        return "gone", None
    result = result_of(segmind, found)
    if isinstance(result, Failure) and is_delayed(found, result):
        log.warning("output_delayed", job=str(underway.claim.job.id), reason=result.message)
        return "output delayed", again
    settlement = finish(parts, underway.claim, reply_of(underway, found, result))
    return str(settlement.failure.kind if settlement.failure else settlement.decision.state), None


def result_of(segmind: Segmind, found: Record | Failure) -> tuple[Image, ...] | Failure:
    """A completed request's images, or what came in their place."""
    if isinstance(found, Failure):
        return found
    return found.failure or fetched(segmind, found.outputs)


def is_delayed(found: Record | Failure, result: tuple[Image, ...] | Failure) -> bool:
    """Whether the request is done and only its output cannot be fetched just now: it stays for days.

    So it is where its host is not allowed, which is the operator's to say, and he may yet.
    """
    if not isinstance(found, Record) or found.failure is not None:
        return False
    if not isinstance(result, Failure):
        return False
    refused_by_us = bool(found.outputs) and result.status is None
    return result.kind is not FailureKind.RESULT_REJECTED or refused_by_us


def reply_of(
    underway: Underway, found: Record | Failure, result: tuple[Image, ...] | Failure
) -> Reply:
    """What became of a request, in the form of a call that was answered at once."""
    told = found if isinstance(found, Record) else None
    status = result.status if isinstance(result, Failure) else 200
    return Reply(
        result=result,
        facts=told.facts if told else Facts(),
        status=status,
        # A balance is of a moment between the submission and now.
        sent_at=underway.sent_at,
        sent_monotonic=None,
        arrived_at=told.arrived_at if told else datetime.now(UTC),
        form="request",
    )
