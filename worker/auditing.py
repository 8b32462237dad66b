"""An audit: both sides compared, and what no attempt explains told apart from other people's calls."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from db.rows import Job
from jobs import auditing
from jobs.auditing import Compared, Difference, Kind
from jobs.money import Money
from worker.audit_sides import Listed, attempts_of, keys_of_job, requests_of
from worker.history_looks import AROUND
from worker.parts import Parts
from worker.upstream_accounts import UpstreamAccount


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
    open: int
    """Calls that have not ended, or are in doubt."""
    too_fresh: int
    """Calls that the provider does not list yet, and need not."""
    differences: tuple[Difference, ...]
    strangers: tuple[auditing.Request, ...]
    """Requests that no job of this database asks for: a teammate's, or of another system."""
    jobs: dict[str, tuple[Job, ...]]
    """Of a request that is not recorded: the jobs whose call it may be."""
    listed: dict[str, Listed]
    """Of requests that no attempt is, by id."""
    removed: int = 0
    """Paid calls whose inputs are removed, and whose requests are among those of `strangers`."""
    left_out: tuple[str, ...] = ()
    """Accounts with calls of these days whose keys are not known: their side cannot be read."""


@dataclass(frozen=True)
class _Side:
    """An account's attempts beside its history."""

    listed: dict[str, Listed]
    attempts: list[auditing.Attempt]
    compared: Compared
    unmatched: frozenset[str]
    """Requests that are no attempt of the account."""


def audit(parts: Parts, first: datetime, last: datetime) -> Audit:
    """Compare the calls of these days, each account's with its own history.

    Raises `upstream.HistoryUnread`, and `Unavailable`.
    """
    listed_by = parts.audits.time() - parts.doubt_timing.absent_after
    sides, left_out = [], []
    for account in parts.accounts.ever_of_pool(parts.pool):
        upstream = parts.upstream.of(account.id)
        if upstream is not None:
            sides.append(_side(parts, upstream, first, last, listed_by))
        elif next(parts.audits.attempts(account.id, first, last), None) is not None:
            left_out.append(account.name)
    unexplained = _unexplained(parts, sides, alone=len(sides) + len(left_out) == 1)
    unmatched = [one for one in unexplained.values() if _inside(one, first, last)]
    jobs = _jobs_of(parts, unmatched, last)
    differences = [
        one for side in sides for one in side.compared.differences if _concerns(one, first, last)
    ]
    differences += [
        Difference(Kind.NOT_RECORDED, None, one.request)
        for one in unmatched
        if one.request.id in jobs
    ]
    inside = [one for side in sides for one in side.attempts if _made_then(one, first, last)]
    # By id: accounts of one team have each other's calls in their histories.
    theirs = {
        one.request.id: one.request.cost
        for side in sides
        for one in side.listed.values()
        if one.request.id not in side.unmatched and _inside(one, first, last)
    }
    return Audit(
        first=first,
        last=last,
        attempts=len(inside),
        ours=auditing.total(one.cost for one in inside),
        requests=len(theirs),
        theirs=auditing.total(theirs.values()),
        open=sum(len(side.compared.open) for side in sides),
        too_fresh=sum(len(side.compared.too_fresh) for side in sides),
        differences=tuple(differences),
        strangers=tuple(one.request for one in unmatched if one.request.id not in jobs),
        jobs=jobs,
        listed=unexplained,
        removed=sum(
            _made_then(one, first, last) for side in sides for one in side.compared.removed
        ),
        left_out=tuple(left_out),
    )


def _side(
    parts: Parts, account: UpstreamAccount, first: datetime, last: datetime, listed_by: datetime
) -> _Side:
    listed = requests_of(account, first, last)
    attempts = list(attempts_of(parts, account.id, first, last, listed))
    requests = [one.request for one in listed.values()]
    found = auditing.compared(attempts, requests, listed_by=listed_by)
    return _Side(listed, attempts, found, frozenset(one.id for one in found.unmatched))


def _unexplained(parts: Parts, sides: Sequence[_Side], *, alone: bool) -> dict[str, Listed]:
    """Requests that no attempt of any account is; one of a teammate's stands in its history too."""
    found = {id_: side.listed[id_] for side in sides for id_ in side.unmatched}
    explained: set[str] = set() if alone else parts.doubts.held(found)
    for side in sides:
        explained |= found.keys() & (side.listed.keys() - side.unmatched)
    return {id_: one for id_, one in found.items() if id_ not in explained}


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


def _made_then(one: auditing.Attempt, first: datetime, last: datetime) -> bool:
    return first <= one.claimed_at <= last


def _inside(one: Listed, first: datetime, last: datetime) -> bool:
    return _within(one.request.created_at, first, last)


def _within(moment: datetime | None, first: datetime, last: datetime) -> bool:
    return moment is None or first <= moment <= last
