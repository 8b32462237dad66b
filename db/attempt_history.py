"""The calls that were made for a job, as its owner may see them; and how many an account has open."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select

from db.engine import Database
from db.tables import accounts, attempts, jobs
from jobs.catalog import Transport
from jobs.doubts import DoubtEnd
from jobs.money import Money

MOST_SHOWN = 200
"""A job that waits out many rate limits is called for again and again: the latest are shown."""


@dataclass(frozen=True)
class Attempt:
    """One call, from its claim on. `cost` None: not known yet; `outcome` None: none yet."""

    number: int
    account: str
    transport: Transport
    outcome: str | None
    message: str | None
    http_status: int | None
    seed: int | None
    request_id: str | None
    estimate: Money
    cost: Money | None
    cost_known: bool | None
    """Whether the cost is Segmind's own figure."""
    generation_seconds: float | None
    answer_form: str | None
    claimed_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    in_doubt_at: datetime | None
    doubt_ended: DoubtEnd | None
    """How its doubt ended; None: it has none, or it goes on."""
    looked: str | None
    """What the last look for it in the provider's history came to."""
    finished_at: datetime | None


@dataclass(frozen=True)
class AttemptHistory:
    """Reads attempts, nothing else."""

    database: Database

    def of_job(self, tenant_id: UUID, job_id: UUID) -> list[Attempt]:
        """The latest `MOST_SHOWN` calls of the tenant's own job, the first of them first."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(attempts, accounts.c.name.label("account"))
                .join(jobs, jobs.c.id == attempts.c.job_id)
                .join(accounts, accounts.c.id == attempts.c.account_id)
                .where(attempts.c.job_id == job_id, jobs.c.tenant_id == tenant_id)
                .order_by(attempts.c.number.desc())
                .limit(MOST_SHOWN)
            ).all()
            return [_attempt(row) for row in reversed(rows)]

    def open_calls(self, account_id: UUID) -> int:
        """How many calls of the account may still cost something: under way, or in doubt."""
        with self.database.read() as connection:
            return (
                connection.scalar(
                    select(func.count())
                    .select_from(attempts)
                    .where(attempts.c.account_id == account_id, attempts.c.finished_at.is_(None))
                )
                or 0
            )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        account=row.account,
        transport=Transport(row.transport),
        outcome=row.outcome,
        message=row.message,
        http_status=row.http_status,
        seed=row.seed,
        request_id=row.request_id,
        estimate=Money(row.estimate),
        cost=None if row.cost is None else Money(row.cost),
        cost_known=row.cost_known,
        generation_seconds=row.generation_seconds,
        answer_form=row.answer_form,
        claimed_at=row.claimed_at,
        sent_at=row.sent_at,
        answered_at=row.answered_at,
        in_doubt_at=row.in_doubt_at,
        doubt_ended=DoubtEnd(row.doubt_ended) if row.doubt_ended else None,
        looked=row.looked,
        finished_at=row.finished_at,
    )
