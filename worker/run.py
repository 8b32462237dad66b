"""A run: permit → claim → call → keep → settle. A ticket leads to one job, or to several on request."""

import time
from collections import Counter
from dataclasses import dataclass

import structlog

from db.crash_points import CrashPoint, reached
from db.requests import Accepted
from db.rows import Claim
from jobs import catalog, money
from jobs.errors import Unavailable
from jobs.money import ZERO, Money
from jobs.polling import first_poll
from jobs.timing import TICKET_PATIENCE
from upstream import Reply, Submission
from worker.calling import call
from worker.finishing import finish
from worker.limiter import Limiter
from worker.parts import Parts, uniform
from worker.taken import NoJob, Taken

log = structlog.get_logger()

ACCEPTED = "accepted"
"""The outcome of a ticket whose job Segmind makes on its own: upkeep asks how it goes."""


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


@dataclass(frozen=True)
class _Done:
    claim: Claim
    outcome: str
    cost: Money


def run_ticket(parts: Parts) -> TicketResult:
    """Serve one ticket: run the job whose turn it is, or end after 30 s without one.

    With `SEGQ_TICKET_SECONDS` it goes on for that long while permits and jobs remain; after a job of
    whom a cap bounds, in any case.
    """
    began = time.monotonic()
    until = began + TICKET_PATIENCE
    done: list[_Done] = []
    while True:
        found = parts.turnstile.pass_through(until)
        if isinstance(found, NoJob):
            return _result(done, began) if done else TicketResult(found)
        done.append(_run(parts, found))
        # What it goes on with must be there at once: a slot that waits is what tickets are for.
        until = time.monotonic()
        # The place that a capped job leaves is for the next of its tenant's, whose ticket may have
        # ended long ago: at the cap it found nothing.
        if until - began >= parts.ticket_seconds and not found.claim.capped:
            return _result(done, found.claimed_at if len(done) == 1 else began)


def _result(done: list[_Done], since: float) -> TicketResult:
    claim = done[-1].claim
    outcomes = Counter(one.outcome for one in done)
    counted = (f"{count} {outcome}" for outcome, count in outcomes.most_common())
    return TicketResult(
        outcome=next(iter(outcomes)) if len(done) == 1 else ", ".join(counted),
        job=str(claim.job.id),
        model=claim.job.model,
        seconds=round(time.monotonic() - since, 3),
        cost=money.text(Money(sum(one.cost for one in done))),
        jobs=len(done),
    )


def _run(parts: Parts, taken: Taken) -> _Done:
    claim = taken.claim
    account = parts.upstream.of(claim.account_id)
    if account is None:
        raise RuntimeError("claimed for an account whose key has never been known here")
    reply = call(
        account.segmind,
        parts.inputs,
        parts.artifacts,
        claim,
        claimed_at=taken.claimed_at,
        not_before=taken.not_before,
    )
    pause = None
    if reply.sent_monotonic is None:
        _give_back(account.limiter, taken.permit)
    else:
        reached(CrashPoint.ANSWERED)
        pause = account.telling.came_back(taken, reply, parts.resets)
    if isinstance(reply, Submission):
        if isinstance(reply.result, str):
            return _accept(parts, claim, reply)
        reply = _failed(reply)
    settlement = finish(parts, claim, reply, pause=pause)
    account.telling.keep_window_kind()
    outcome = settlement.failure.kind if settlement.failure else settlement.decision.state
    return _Done(claim, str(outcome), settlement.cost)


def _accept(parts: Parts, claim: Claim, submission: Submission) -> _Done:
    parts.acceptances.write(
        Accepted(
            attempt_id=claim.attempt_id,
            job_id=claim.job.id,
            request_id=str(submission.result),
            sent_at=submission.sent_at or submission.arrived_at,
            poll_after=first_poll(catalog.model(claim.job.model).typical_seconds, uniform),
        )
    )
    return _Done(claim, ACCEPTED, ZERO)


def _failed(submission: Submission) -> Reply:
    """A submission that came to nothing, as the call that it was."""
    if isinstance(submission.result, str):
        raise TypeError("a request that was accepted has not failed")
    return Reply(
        result=submission.result,
        facts=submission.facts,
        status=submission.status,
        sent_at=submission.sent_at,
        sent_monotonic=submission.sent_monotonic,
        arrived_at=submission.arrived_at,
        form="",
    )


def _give_back(limiter: Limiter, permit: str) -> None:
    try:
        limiter.give_back(permit)
    except Unavailable:
        log.warning("limiter_unavailable", permits=1)  # it counts for longer
