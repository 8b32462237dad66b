"""How a doubt ends: with the request that the history has, as absent, or as its job's policy says."""

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from db.doubt_rows import Doubt
from db.rows import Claim, Settlement
from jobs.doubts import SENT_AGAIN, DoubtEnd, PolicyEnd
from jobs.failures import Failure, FailureKind
from jobs.matching import HistoryStatus
from jobs.money import ZERO, Money
from jobs.retry import Decision
from jobs.states import State
from upstream import Facts, Image, Reply, Segmind
from worker.fetching import fetched
from worker.finishing import finish
from worker.history_looks import Request
from worker.parts import Parts

log = structlog.get_logger()

_BY_POLICY = {
    DoubtEnd.DEADLINE: "its doubt_deadline passed before anybody could tell",
    DoubtEnd.POLICY_FAIL: "nobody could tell in time, and its on_doubt does not hold it",
    DoubtEnd.POLICY_RETRY: "nobody could tell in time, and its on_doubt is retry: it is sent again, "
    "and may be paid twice",
}


def end_with(parts: Parts, segmind: Segmind, doubt: Doubt, request: Request) -> str | None:
    """End a doubt with its request; why it cannot end yet, None when it has.

    Raises `RequestHeld` where another attempt has the request by now.
    """
    if request.status is HistoryStatus.PENDING:
        return "Segmind's history lists the call, and it has not ended"
    if not doubt.is_open:
        return _correct(parts, doubt, request)
    result: tuple[Image, ...] | Failure
    if request.status is HistoryStatus.FAILED:
        words = request.error or "Segmind's history says that it failed"
        result = Failure(FailureKind.UPSTREAM_ERROR, words)
    else:
        result = fetched(segmind, request.outputs)
        if isinstance(result, Failure) and not _is_gone(result):
            return f"the call was paid for, and its output cannot be fetched yet: {result.message}"
    facts = Facts(request_id=request.id, cost=request.cost, seed=doubt.seed)
    _finish(parts, doubt, result, facts, status=None)
    return None


def end_by_record(
    parts: Parts, doubt: Doubt, result: tuple[Image, ...] | Failure, facts: Facts
) -> None:
    """End the doubt of a v2 request whose record tells how it ended."""
    status = result.status if isinstance(result, Failure) else 200
    _finish(parts, doubt, result, replace(facts, request_id=doubt.request_id), status=status)


def end_as_absent(parts: Parts, doubt: Doubt) -> None:
    """The history has no such call: the job is queued again, and no attempt is spent.

    What it cost stays a belief: the history is looked at once more, later.
    """
    words = "Segmind's history does not have the call, though it has later ones: it is sent again"
    _settle(
        parts, doubt, Decision(State.QUEUED, spends_attempt=False), ZERO, words, DoubtEnd.ABSENT
    )


def end_by_policy(parts: Parts, doubt: Doubt, end: PolicyEnd) -> None:
    """As the job's owner said for this case; the call counts as paid until the history tells."""
    words = f"{doubt.message}; {_BY_POLICY[end.as_]}"
    _settle(parts, doubt, end.decision, doubt.estimate, words, end.as_)


def _finish(
    parts: Parts,
    doubt: Doubt,
    result: tuple[Image, ...] | Failure,
    facts: Facts,
    status: int | None,
) -> None:
    failed = isinstance(result, Failure) and result.kind is not FailureKind.RESULT_REJECTED
    ends = DoubtEnd.FAILED_UPSTREAM if failed else DoubtEnd.RECOVERED
    reply = Reply(
        result=result,
        facts=facts,
        status=status,
        sent_at=None,
        sent_monotonic=None,
        arrived_at=datetime.now(UTC),
        form="history",
    )
    finish(parts, _claim(doubt), reply, doubt_ends=ends)
    log.info("doubt_ended", job=doubt.job.id, number=doubt.number, ended=str(ends))


def _settle(
    parts: Parts, doubt: Doubt, decision: Decision, cost: Money, words: str, ends: DoubtEnd
) -> None:
    settlement = Settlement(
        attempt_id=doubt.attempt_id,
        account_id=doubt.account_id,
        job_id=doubt.job.id,
        tenant_id=doubt.job.tenant_id,
        number=doubt.number,
        decision=decision,
        cost=cost,
        cost_known=False,
        failure=Failure(FailureKind(doubt.outcome), words),
        seed=doubt.seed,
        request_id=doubt.request_id,
        doubt_ended=ends,
    )
    if not parts.settler.settle(settlement):
        return  # somebody knew more
    tell = log.warning if ends in SENT_AGAIN else log.info
    tell("doubt_ended", job=doubt.job.id, number=doubt.number, ended=str(ends))


def _correct(parts: Parts, doubt: Doubt, request: Request) -> str | None:
    """The attempt has ended, and what it cost was only believed: now it is known, or why not."""
    failed = request.status is HistoryStatus.FAILED
    cost = ZERO if failed and request.cost is None else request.cost
    if cost is None:
        return "Segmind's history lists the call and does not say what it cost"
    failure = Failure(FailureKind.UPSTREAM_ERROR, request.error) if failed else None
    parts.settler.settle(
        Settlement(
            attempt_id=doubt.attempt_id,
            account_id=doubt.account_id,
            job_id=doubt.job.id,
            tenant_id=doubt.job.tenant_id,
            number=doubt.number,
            decision=Decision(State.FAILED if failed else State.SUCCEEDED, spends_attempt=True),
            cost=cost,
            cost_known=True,
            failure=failure,
            seed=doubt.seed,
            request_id=request.id,
            found_by_request=True,
        )
    )
    return None


def _claim(doubt: Doubt) -> Claim:
    """The attempt as it was claimed: a doubt has spent it, which `decide` must not count twice."""
    job = replace(doubt.job, number=doubt.number, attempts=max(0, doubt.job.attempts - 1))
    return Claim(doubt.attempt_id, doubt.account_id, job, doubt.seed, doubt.transport)


def _is_gone(failure: Failure) -> bool:
    """Whether the output can never be had. One that may not be fetched waits for the operator."""
    return failure.kind is FailureKind.RESULT_REJECTED and failure.status is not None
