"""An audit: both sides compared, and what no attempt explains told apart from other people's calls."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from db.rows import Job
from jobs import auditing
from jobs.auditing import Compared, Difference, Kind
from jobs.money import Money
from worker.audit_sides import Listed, attempts_of, keys_of_job, requests_of
from worker.history_looks import AROUND
from worker.parts import Parts


@dataclass(frozen=True)
class Audit:
    """What an audit found out of the days from `first` to `last`."""

    first: datetime
    last: datetime
    attempts: int
    ours: Money
    """What we booked, of calls that were claimed then."""
    requests: int
    theirs: Money
    """What the provider charged for calls that are attempts of ours."""
    compared: Compared
    differences: tuple[Difference, ...]
    strangers: tuple[auditing.Request, ...]
    """Requests that no job of this database asks for: a teammate's, or of another system."""
    jobs: dict[str, tuple[Job, ...]]
    """Of a request that is not recorded: the jobs whose call it may be."""
    listed: dict[str, Listed]


def audit(parts: Parts, first: datetime, last: datetime) -> Audit:
    """Compare the calls of these days. Raises `upstream.HistoryUnread`, and `Unavailable`."""
    listed = requests_of(parts, first, last)
    attempts = list(attempts_of(parts, first, last, listed))
    found = auditing.compared(
        attempts,
        [one.request for one in listed.values()],
        listed_by=parts.audits.time() - parts.doubt_timing.absent_after,
    )
    unmatched = [one for one in found.unmatched if _within(one.created_at, first, last)]
    jobs = _jobs_of(parts, [listed[one.id] for one in unmatched], last)
    not_recorded = [Difference(Kind.NOT_RECORDED, None, one) for one in unmatched if one.id in jobs]
    differences = [one for one in found.differences if _concerns(one, first, last)]
    inside = [one for one in attempts if first <= one.claimed_at <= last]
    matched = {one.id for one in found.unmatched}
    theirs = [
        one.request.cost
        for one in listed.values()
        if one.request.id not in matched and _within(one.request.created_at, first, last)
    ]
    return Audit(
        first=first,
        last=last,
        attempts=len(inside),
        ours=auditing.total(one.cost for one in inside),
        requests=len(theirs),
        theirs=auditing.total(theirs),
        compared=found,
        differences=(*differences, *not_recorded),
        strangers=tuple(one for one in unmatched if one.id not in jobs),
        jobs=jobs,
        listed=listed,
    )


def _jobs_of(parts: Parts, unmatched: list[Listed], last: datetime) -> dict[str, tuple[Job, ...]]:
    """For each request the jobs that ask for just this; all jobs of its model are looked at."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for one in unmatched:
        for key in set(one.job_keys):
            wanted[key].append(one.request.id)
    found: dict[str, list[Job]] = defaultdict(list)
    for model in sorted({one.model for one in unmatched}):
        for job in parts.audits.jobs_of(model, last + AROUND):
            for key in keys_of_job(parts, job):
                for request_id in wanted.get(key, ()):
                    found[request_id].append(job)
    return {request_id: tuple(jobs) for request_id, jobs in found.items()}


def _concerns(one: Difference, first: datetime, last: datetime) -> bool:
    if one.attempt is not None:
        return first <= one.attempt.claimed_at <= last
    return one.request is not None and _within(one.request.created_at, first, last)


def _within(moment: datetime | None, first: datetime, last: datetime) -> bool:
    return moment is None or first <= moment <= last
