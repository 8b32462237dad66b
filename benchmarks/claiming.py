"""Claims and settles through the store that workers use, in this process, and how long they take."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

from benchmarks.complaint import ComplaintError
from benchmarks.queued_jobs import POOL
from db.accounts import AccountStore
from db.engine import Database
from db.rows import Claim, Held, Moved, Output, Settlement, Terms
from db.runs import RunStore
from jobs.credits import Reading
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State

_LEASE = timedelta(seconds=180)
_CHURN_THREADS = 4


class Claimer:
    """One account's claims on one database."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self._runs = RunStore(self.database)
        accounts = AccountStore(self.database)
        self._account = accounts.ensure(POOL, "default", call_limit=100_000, window_seconds=60).id
        # As on every account that is at work: the claim then sums up what open calls may cost.
        now = datetime.now(UTC)
        accounts.read_credits(self._account, Reading(Money(10**15), now, now))

    @property
    def account(self) -> UUID:
        return self._account

    def timed(self, count: int) -> float:
        """Seconds that a claim of `count` jobs took, its commit included; then they are settled."""
        began = time.perf_counter()
        claims = self._claim(count)
        took = time.perf_counter() - began
        if len(claims) != count:
            raise ComplaintError(f"a claim of {count} jobs found {len(claims)}")
        self._settle(claims)
        return took

    def churn(self, jobs: int, together: int) -> None:
        """Claim and settle so many jobs, as fast as four threads can."""
        rounds, left = divmod(jobs, together)
        sizes = [together] * rounds + ([left] if left else [])

        def one(count: int) -> None:
            self._settle(self._claim(count))

        with ThreadPoolExecutor(_CHURN_THREADS) as threads:
            for _ in threads.map(one, sizes):
                pass

    def close(self) -> None:
        self.database.close()

    def _claim(self, count: int) -> Sequence[Claim]:
        found = self._runs.claim(POOL, self._account, terms=Terms(_LEASE), count=count)
        if isinstance(found, Held):
            raise ComplaintError(f"the account pauses: {found.pause}")
        return found

    def _settle(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        for settled in self._runs.settle_many([_succeeded(claim) for claim in claims]):
            if settled is not Moved.YES:
                raise ComplaintError(f"a settle did not move its job: {settled}")


def _succeeded(claim: Claim) -> Settlement:
    now = datetime.now(UTC)
    key = f"outputs/{claim.job.tenant_id}/{claim.job.id}/{claim.number}/0"
    return Settlement(
        attempt_id=claim.attempt_id,
        account_id=claim.account_id,
        job_id=claim.job.id,
        tenant_id=claim.job.tenant_id,
        number=claim.number,
        decision=Decision(State.SUCCEEDED, spends_attempt=True),
        cost=claim.job.estimate,
        cost_known=True,
        outputs=(Output(0, key, "image/jpeg", 1_024, 1_024, 100_000, "ab" * 32),),
        request_id=f"r-{claim.attempt_id}",
        http_status=200,
        generation_seconds=6.0,
        sent_at=now,
        answered_at=now,
        answer_form="raw",
        seed=claim.seed,
    )
