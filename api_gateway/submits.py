"""Jobs that are submitted at the same time, kept in one commit, with the answers to their keys."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from api_gateway.job_answer import job_answer
from api_gateway.tickets import Tickets
from api_gateway.waiting import Waiting
from db.crash_points import CrashPoint, reached
from db.engine import Database
from db.idempotency import Answer, IdempotencyStore, Kept, Name
from db.jobs import JobStore
from db.rows import Job, NewJob
from jobs.errors import Refusal
from jobs.states import State


@dataclass(frozen=True, eq=False)
class Submit:
    """A checked submit. `waiting` was asked for before, for no other server is waited for inside.

    `key` is the Idempotency-Key, `fingerprint` that of the request that has it; `base` the API's
    address.
    """

    new: NewJob
    waiting: Waiting
    base: str
    key: str | None = None
    fingerprint: str = ""

    @property
    def name(self) -> Name | None:
        return None if self.key is None else (self.new.tenant_id, self.key)


Outcome = Answer | Kept | Refusal | None
"""The answer of a job that is kept now; or what its key was answered before; or why it is refused;
or None while another transaction works under the key."""


@dataclass(frozen=True)
class Submits:
    """What submits do in SQL, many at once, and the tickets of the jobs that are queued."""

    database: Database
    jobs: JobStore
    keys: IdempotencyStore
    tickets: Tickets

    def accept(self, asked: Sequence[Submit]) -> list[Outcome]:
        """Keep every job that may be kept, in one commit. No key stands twice among them.

        Raises when one of several keys got an answer in the meantime; then nothing was kept.
        """
        try:
            outcomes, queued = self._keep(asked)
        except _Overtaken:
            if len(asked) > 1:
                raise
            return [None]
        reached(CrashPoint.ACCEPTED)
        for pool, count in queued.items():
            self.tickets.add(pool, count)
        return outcomes

    def _keep(self, asked: Sequence[Submit]) -> tuple[list[Outcome], Counter[str]]:
        """The outcomes, and how many jobs are queued in each pool.

        One that is refused leaves its key free, and the others as they are.
        """
        with self.database.write():
            ours = self.keys.take_turns([one.name for one in asked if one.name])
            # Looked at only now that the turn is ours: another process may have been quicker.
            before = self.keys.get_many(list(ours))
            free = ours - before.keys()
            fresh = [one for one in asked if one.name is None or one.name in free]
            added = self.jobs.add_each([one.new for one in fresh])
            came = {
                one: job_answer(job, one.base, one.waiting, 202) if isinstance(job, Job) else job
                for one, job in zip(fresh, added, strict=True)
            }
            kept = {
                one.name: Kept(one.fingerprint, answer)
                for one, answer in came.items()
                if one.name and isinstance(answer, Answer)
            }
            if not self.keys.keep_many(kept):
                raise _Overtaken
        outcomes = [came.get(one) or (before.get(one.name) if one.name else None) for one in asked]
        jobs = [job for job in added if isinstance(job, Job)]
        return outcomes, Counter(job.pool for job in jobs if job.state is State.QUEUED)


class _Overtaken(Exception):  # noqa: N818  # rolls the transaction back
    pass
