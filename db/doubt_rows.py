"""What reconciliation reads of attempts: those it looks for, and others that may have a row like theirs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select

from db.job_rows import job_of
from db.rows import Job
from db.tables import attempts, jobs
from jobs.catalog import Transport
from jobs.doubts import DoubtEnd
from jobs.failures import FailureKind
from jobs.matching import Standing
from jobs.money import Money
from jobs.retention import Removed
from jobs.states import State

_RAN = (State.SUCCEEDED, FailureKind.RESULT_REJECTED)
"""Outcomes of calls that surely were made, whatever is known of their cost."""


@dataclass(frozen=True)
class Doubt:
    """An attempt that the history is to be asked about, and its job as it is now."""

    attempt_id: UUID
    account_id: UUID
    number: int
    job: Job
    transport: Transport
    seed: int | None
    estimate: Money
    outcome: str
    message: str
    request_id: str | None
    claimed_at: datetime
    deadline_at: datetime
    since: datetime
    """When it came into doubt."""
    finished_at: datetime | None
    """Not None: it has ended, and only what it cost is to be found out."""
    missed_at: datetime | None
    ended: DoubtEnd | None
    """How its doubt ended, where it has."""

    @property
    def is_open(self) -> bool:
        return self.finished_at is None

    @property
    def standing(self) -> Standing:
        if self.is_open:
            return Standing.IN_DOUBT
        return Standing.PAID if self.outcome in _RAN else Standing.GUESSED


@dataclass(frozen=True)
class Sibling:
    """Another attempt that may have a row like a doubt's in the history."""

    attempt_id: UUID
    tenant_id: UUID
    input: dict[str, Any]
    model: str
    seed: int | None
    standing: Standing
    claimed_at: datetime
    request_id: str | None
    is_removed: bool
    """Whether its job's input is, so that nobody knows what it was made of."""


DOUBTS: Select[Any] = select(
    attempts.c.id.label("attempt_id"),
    attempts.c.account_id,
    attempts.c.number.label("attempt_number"),
    attempts.c.transport,
    attempts.c.seed.label("attempt_seed"),
    attempts.c.estimate.label("attempt_estimate"),
    attempts.c.outcome,
    attempts.c.message,
    attempts.c.request_id,
    attempts.c.claimed_at,
    func.coalesce(attempts.c.deadline_at, attempts.c.lease_until).label("deadline_at"),
    func.coalesce(attempts.c.in_doubt_at, attempts.c.finished_at).label("since"),
    attempts.c.finished_at.label("attempt_finished_at"),
    attempts.c.missed_at,
    attempts.c.doubt_ended,
    jobs,
).join_from(attempts, jobs, jobs.c.id == attempts.c.job_id)


def sibling_of(row: Any, standing: Standing) -> Sibling:
    return Sibling(
        attempt_id=row.id,
        tenant_id=row.tenant_id,
        input=row.input,
        model=row.model,
        seed=row.seed,
        standing=standing,
        claimed_at=row.claimed_at,
        request_id=row.request_id,
        is_removed=row.removed == Removed.ALL,
    )


def standing_of(row: Any) -> Standing:
    if row.finished_at is None:
        return Standing.OPEN if row.in_doubt_at is None else Standing.IN_DOUBT
    if row.cost_known is False and row.outcome not in _RAN:
        return Standing.GUESSED
    return Standing.PAID if row.cost else Standing.UNPAID


def doubt_of(row: Row[Any]) -> Doubt:
    return Doubt(
        attempt_id=row.attempt_id,
        account_id=row.account_id,
        number=row.attempt_number,
        job=job_of(row),
        transport=Transport(row.transport),
        seed=row.attempt_seed,
        estimate=Money(row.attempt_estimate),
        outcome=row.outcome or "",
        message=row.message or "",
        request_id=row.request_id,
        claimed_at=row.claimed_at,
        deadline_at=row.deadline_at,
        since=row.since,
        finished_at=row.attempt_finished_at,
        missed_at=row.missed_at,
        ended=DoubtEnd(row.doubt_ended) if row.doubt_ended else None,
    )
