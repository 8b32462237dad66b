"""What a reply means for its attempt and its job: reply in, settlement out, nothing done yet."""

from datetime import datetime

from db.rows import Claim, Output, Settlement
from jobs import account_pauses
from jobs.account_pauses import ResetBounds
from jobs.credits import Reading
from jobs.failures import Failure, FailureKind
from jobs.money import ZERO, Money
from jobs.retry import Decision, Uniform, decide
from jobs.states import State
from upstream import Reply


def conclude(
    claim: Claim,
    reply: Reply,
    outputs: tuple[Output, ...],
    *,
    now: datetime,
    uniform: Uniform,
    resets: ResetBounds,
) -> Settlement:
    """`outputs` are the reply's images as they were kept, none when it brought none."""
    facts = reply.facts
    failure = None if isinstance(reply.result, tuple) else reply.result
    cost, known = _cost(facts.cost, failure, claim.job.estimate)
    reading = None
    if facts.credits is not None and reply.sent_at is not None:
        reading = Reading(facts.credits, reply.sent_at, reply.arrived_at)
    return Settlement(
        attempt_id=claim.attempt_id,
        account_id=claim.account_id,
        job_id=claim.job.id,
        tenant_id=claim.job.tenant_id,
        number=claim.number,
        decision=_decision(claim, failure, now, uniform),
        cost=cost,
        cost_known=known,
        outputs=outputs,
        failure=failure,
        seed=facts.seed if facts.seed is not None else claim.seed,
        request_id=facts.request_id,
        http_status=reply.status,
        generation_seconds=facts.generation_seconds,
        credits=reading,
        sent_at=reply.sent_at,
        answered_at=_answered_at(reply, failure),
        answer_form=reply.form or None,
        pause=account_pauses.after(failure, claim.job.model, now, resets) if failure else None,
    )


def _answered_at(reply: Reply, failure: Failure | None) -> datetime | None:
    """When the answer had come whole."""
    whole = failure is None or failure.kind is not FailureKind.CONNECTION_LOST
    return reply.arrived_at if reply.status is not None and whole else None


def _decision(claim: Claim, failure: Failure | None, now: datetime, uniform: Uniform) -> Decision:
    if failure is None:
        return Decision(State.SUCCEEDED, spends_attempt=True)
    return decide(
        failure,
        spent=claim.job.attempts,
        max_attempts=claim.job.max_attempts,
        number=claim.number,
        now=now,
        uniform=uniform,
    )


def _cost(told: Money | None, failure: Failure | None, estimate: Money) -> tuple[Money, bool]:
    """What the attempt costs, and whether the provider said so itself.

    Only HTTP 200 is billed (segmind-api §5): that is an image, or a 200 that we had to reject.
    """
    if told is not None:
        return told, True
    paid = failure is None or failure.kind is FailureKind.RESULT_REJECTED
    return (estimate, False) if paid else (ZERO, True)
