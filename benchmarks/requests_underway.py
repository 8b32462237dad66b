"""v2 requests under way in SQL, as a worker leaves them that had them accepted some time ago."""

from datetime import UTC, datetime, timedelta

from benchmarks import queued_jobs
from benchmarks.complaint import ComplaintError
from benchmarks.queued_jobs import POOL
from db.requests import Accepted
from db.rows import Held, Terms
from jobs.catalog import Transport
from jobs.polling import next_poll
from worker.parts import Parts, uniform

_TOGETHER = 100
_TERMS = Terms(timedelta(seconds=60), transport=Transport.V2)


def add(parts: Parts, count: int, age: float) -> list[str]:
    """Put so many there, sent `age` seconds ago; their ids at Segmind.

    When each is asked about next is spread as it is in a system that has had them for long.
    """
    queued_jobs.add(parts.database, count)
    ids: list[str] = []
    (account,) = parts.upstream.at_work()
    while len(ids) < count:
        claims = parts.runs.claim(POOL, account.id, terms=_TERMS, count=_TOGETHER)
        if isinstance(claims, Held) or not claims:
            raise ComplaintError(f"{len(ids)} of {count} jobs could be claimed")
        sent_at = datetime.now(UTC) - timedelta(seconds=age)
        requests = [
            Accepted(
                one.attempt_id,
                one.job.id,
                str(one.attempt_id),
                sent_at,
                poll_after=uniform(0, next_poll(age, uniform)),
            )
            for one in claims
        ]
        parts.requests.accepted(requests)
        ids += [one.request_id for one in requests]
    return ids
