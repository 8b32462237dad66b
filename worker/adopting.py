"""`segq audit --adopt`: what the provider charged gets its attempt, so that nothing runs again.

For a database that was restored from a backup: jobs that wait in it may have run since. Their calls
stand in the history, and their images are fetched from there.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from db.audits import Adopted
from db.rows import Claim, Job, Settlement
from jobs.auditing import Kind
from jobs.doubts import DoubtEnd
from jobs.errors import RequestHeld
from jobs.failures import Failure, FailureKind
from jobs.matching import HistoryStatus
from jobs.retry import Decision
from jobs.states import FINAL, WAITING, State
from upstream import Facts, Reply
from worker.audit_sides import Listed
from worker.auditing import Audit
from worker.fetching import fetched
from worker.finishing import finish
from worker.parts import Parts

LEASE = timedelta(minutes=30)
"""Beyond this the sweeper takes an adoption for lost, and its job for in doubt."""


def adopt(parts: Parts, found: Audit) -> Counter[str]:
    """Record what an audit found that is not recorded; how many calls came to what.

    Every account must pause meanwhile: else a job may run while its call is being looked for.
    """
    done = Counter[str]()
    taken: set[str] = set()
    for difference in found.differences:
        try:
            if difference.attempt is not None and difference.request is not None:
                request = difference.request
                parts.audits.correct(UUID(difference.attempt.id), request.cost, request.id)
                done["corrected"] += 1
            elif difference.kind is Kind.NOT_RECORDED and difference.request is not None:
                listed = found.listed[difference.request.id]
                jobs = [job for job in found.jobs[listed.request.id] if str(job.id) not in taken]
                for job, outcome in _adopted(parts, listed, jobs):
                    taken.add(str(job.id))
                    done[outcome] += 1
        except RequestHeld:
            done["recorded meanwhile"] += 1
    return done


def _adopted(parts: Parts, listed: Listed, jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
    """Give a call to the job whose it is. Equal jobs are interchangeable; those that wait go first."""
    waiting = [job for job in jobs if job.state in WAITING]
    # One that had ended may have been retried since.
    possible = [job for job in jobs if job.state is not State.SUCCEEDED]
    if waiting and listed.hides_image and len({job.input.get("image") for job in possible}) > 1:
        # Any of them may have run: none runs again before somebody has looked.
        for job in waiting:
            claim = _start(parts, listed, job, sure=False)
            if claim is not None:
                _doubt(parts, claim, None, "it may be the call of this job or of another")
                yield job, "in doubt"
        return
    under_way = listed.request.status is HistoryStatus.PENDING
    # What a call will have cost that has not ended is not known, and its job does not wait for it.
    ended = [] if under_way else [job for job in jobs if job.state in FINAL]
    for job in (*waiting, *ended):
        claim = _start(parts, listed, job, sure=True)
        if claim is not None:
            yield job, "recorded" if job.state in FINAL else _end(parts, listed, claim)
            return


def _start(parts: Parts, listed: Listed, job: Job, *, sure: bool) -> Claim | None:
    """Give the call an attempt of this job; None where its own call is under way or in doubt.

    Where it is surely the job's, no other attempt gets its request from then on.
    """
    request = listed.request
    seed = listed.seed if isinstance(listed.seed, int) else None
    call = Adopted(request.id if sure else None, seed, request.cost, request.created_at)
    attempt_id = parts.audits.adopt(job, listed.account_id, call, LEASE)
    if attempt_id is None:
        return None
    now = parts.jobs.get(job.tenant_id, job.id)
    return Claim(attempt_id, listed.account_id, now, seed)


def _end(parts: Parts, listed: Listed, claim: Claim) -> str:
    if listed.request.status is HistoryStatus.PENDING:
        _doubt(parts, claim, listed.request.id, "it has not ended")
        return "in doubt"
    account = parts.upstream.of(listed.account_id)
    if account is None:
        raise RuntimeError("its history was read with a key that is not known")
    result = fetched(account.segmind, listed.outputs)
    if isinstance(result, Failure) and (
        result.kind is not FailureKind.RESULT_REJECTED or result.status is None
    ):
        _doubt(parts, claim, listed.request.id, f"its output cannot be fetched: {result.message}")
        return "in doubt"
    facts = Facts(request_id=listed.request.id, cost=listed.request.cost, seed=claim.seed)
    reply = Reply(
        result=result,
        facts=facts,
        status=None,
        sent_at=listed.request.created_at,
        sent_monotonic=None,
        arrived_at=datetime.now(UTC),
        form="history",
    )
    settlement = finish(parts, claim, reply, doubt_ends=DoubtEnd.RECOVERED)
    return str(settlement.decision.state)


def _doubt(parts: Parts, claim: Claim, request_id: str | None, why: str) -> None:
    """The call was made, or may have been: nobody sends it again before that is settled."""
    parts.settler.settle(
        Settlement(
            attempt_id=claim.attempt_id,
            account_id=claim.account_id,
            job_id=claim.job.id,
            tenant_id=claim.job.tenant_id,
            number=claim.number,
            decision=Decision(State.IN_DOUBT, spends_attempt=True),
            cost=claim.job.estimate,
            cost_known=False,
            failure=Failure(FailureKind.WORKER_LOST, f"found in Segmind's history; {why}"),
            seed=claim.seed,
            request_id=request_id,
        )
    )
