"""What SQL says was spent, against what the provider charged: I2 and I3."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from jobs import money
from jobs.failures import FailureKind
from tests.faults.evidence import Attempt, Call, Evidence
from tests.faults.matching import Matched


def repeats(evidence: Evidence, found: Matched) -> list[str]:
    """I2: charges of a job beyond its first, each in words."""
    charges: dict[UUID, list[Call]] = defaultdict(list)
    for attempt in evidence.attempts:
        call = found.calls.get(attempt.id)
        if call is not None and call.cost:
            charges[attempt.job_id].append(call)
    return [
        f"job {job} was charged {len(calls)} times: calls {', '.join(one.id for one in calls)}"
        for job, calls in charges.items()
        for _ in calls[1:]
    ]


def calls(evidence: Evidence, found: Matched) -> Iterator[str]:
    """I3: the provider's calls are SQL's attempts, one for one."""
    seeds = {attempt.seed: attempt for attempt in evidence.attempts}
    for call in evidence.calls:
        if not call.has_ended:
            yield f"call {call.id} of seed {call.seed} still runs"
    for call in found.strange:
        known = seeds.get(call.seed)
        if known is not None:
            yield f"{known}: was sent twice, call {call.id} is not its first ({_price(call)})"
        else:
            yield f"call {call.id} of seed {call.seed} is none of SQL's attempts ({_price(call)})"
    for attempt in evidence.attempts:
        if attempt.outcome == FailureKind.NOT_SENT and attempt.id in found.calls:
            call = found.calls[attempt.id]
            yield f"{attempt}: recorded as not sent, and is call {call.id} ({_price(call)})"
    yield from _unnamed(evidence, found)


def _unnamed(evidence: Evidence, found: Matched) -> Iterator[str]:
    """Refusals that tell nothing of the call can only be counted, by their status."""
    theirs = Counter(one.status for one in found.unnamed)
    without = [one for one in evidence.attempts if one.id not in found.calls]
    ours: Counter[int | None] = Counter()
    for attempt in without:
        if attempt.is_finished and attempt.is_sent:
            ours[attempt.http_status] += 1
            if not theirs[attempt.http_status]:
                yield f"{attempt}: sent ({attempt.outcome}), and the provider knows of no call"
    # What was answered to a doubt may have been any of them.
    doubts = sum(not one.is_finished for one in without)
    more = sum((theirs - ours).values())
    if more > doubts:
        yield f"the provider refused {dict(theirs)}, SQL knows of {dict(ours)} ({doubts} in doubt)"
    for status in theirs:
        if ours[status] > theirs[status]:
            yield f"SQL knows of {ours[status]} refusals with {status}, the provider of fewer"


def bookings(evidence: Evidence, found: Matched) -> Iterator[str]:
    """I3: cost for cost; and a job's cost is that of its attempts."""
    booked: Counter[UUID] = Counter()
    for attempt in evidence.attempts:
        if attempt.is_finished:
            booked[attempt.job_id] += attempt.cost or 0
        yield from _booking(attempt, found.calls.get(attempt.id))
    for job in evidence.jobs.values():
        if job.cost != booked[job.id]:
            yield (
                f"job {job.id} says that it cost {money.text(job.cost)} USD, its attempts "
                f"{money.text(money.Money(booked[job.id]))}"
            )


def budgets(evidence: Evidence) -> Iterator[str]:
    """I8: every sum of a budget is what its jobs and calls hold."""
    for one in evidence.drift:
        yield (
            f"the {one.period} budget of {one.tenant} from {one.start} on says {one.kept}, its jobs "
            f"and calls say {one.counted}"
        )


def _booking(attempt: Attempt, call: Call | None) -> Iterator[str]:
    if attempt.cost is None:
        if attempt.is_finished:
            yield f"{attempt}: recorded without a cost"
        return
    charged = call.cost if call is not None else money.ZERO
    if attempt.is_in_doubt and not attempt.cost:
        return
    if attempt.cost_known is False and attempt.cost >= charged and call is not None:
        return  # an estimate, and counted as one
    if attempt.cost != charged:
        yield (
            f"{attempt}: booked at {money.text(attempt.cost)} USD ({attempt.outcome}), the provider "
            f"charged {money.text(charged)}"
        )


def estimates(evidence: Evidence, found: Matched) -> list[str]:
    """Attempts whose cost nobody told us, each in words."""
    return [
        f"{one}: its cost is our estimate"
        for one in evidence.attempts
        if one.is_finished and one.cost_known is False and one.id in found.calls
    ]


def _price(call: Call) -> str:
    return f"{money.text(call.cost)} USD"
