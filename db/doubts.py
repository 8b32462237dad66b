"""Attempts in doubt, and others whose cost is only believed: which to look for next, among what."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, or_, select, true, update

from db.among import among
from db.engine import Database
from db.jobs import job_of
from db.rows import Job
from db.tables import attempts, jobs
from jobs.catalog import Transport
from jobs.doubts import DoubtEnd
from jobs.failures import FailureKind
from jobs.matching import Standing
from jobs.money import Money
from jobs.states import State


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


_WITH_A_ROW = (FailureKind.UPSTREAM_ERROR, FailureKind.RESULT_REJECTED, FailureKind.WORKER_LOST)
"""Outcomes of ended attempts whose call may have a row though none is known by id. Refusals before
anything ran have none."""


class DoubtStore:
    """Reads what reconciliation compares, and keeps what it found out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_due(
        self, account_id: UUID, limit: int, hold: timedelta
    ) -> tuple[datetime, list[Doubt]]:
        """The database's time, and up to `limit` attempts that are to be looked for now, the oldest
        first. For `hold` nobody else gets them.
        """
        with self._database.write() as connection:
            now = self._database.time(connection)
            due = (
                select(attempts.c.id)
                .where(attempts.c.next_look_at <= now, attempts.c.account_id == account_id)
                .order_by(attempts.c.claimed_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            ids = list(
                connection.execute(
                    update(attempts)
                    .where(attempts.c.id.in_(due), attempts.c.next_look_at <= now)
                    .values(next_look_at=now + hold)
                    .returning(attempts.c.id)
                ).scalars()
            )
            rows = connection.execute(
                _DOUBTS.where(among(self._database, attempts.c.id, "ids")).order_by(
                    attempts.c.claimed_at
                ),
                {"ids": ids},
            ).all()
        return now, [_doubt(row) for row in rows]

    def siblings(self, doubts: Sequence[Doubt], around: timedelta) -> list[Sibling]:
        """All other attempts of the same account and seed, claimed at most `around` before or after
        one of these, that may have a row.
        """
        if not doubts:
            return []
        mine = {doubt.attempt_id for doubt in doubts}
        first = min(doubt.claimed_at for doubt in doubts) - around
        last = max(doubt.claimed_at for doubt in doubts) + around
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    attempts.c.id,
                    attempts.c.seed,
                    attempts.c.claimed_at,
                    attempts.c.finished_at,
                    attempts.c.in_doubt_at,
                    attempts.c.cost,
                    attempts.c.request_id,
                    jobs.c.tenant_id,
                    jobs.c.input,
                    jobs.c.model,
                )
                .join(jobs, jobs.c.id == attempts.c.job_id)
                .where(
                    attempts.c.account_id == doubts[0].account_id,
                    among(self._database, attempts.c.seed, "seeds"),
                    attempts.c.claimed_at.between(first, last),
                    or_(
                        attempts.c.finished_at.is_(None),
                        attempts.c.cost > 0,
                        attempts.c.outcome == State.SUCCEEDED,
                        attempts.c.outcome.in_(_WITH_A_ROW),
                    ),
                ),
                {"seeds": sorted({doubt.seed for doubt in doubts if doubt.seed is not None})},
            ).all()
        return [_sibling(row, _standing(row)) for row in rows if row.id not in mine]

    def held(self, account_id: UUID, request_ids: Collection[str]) -> set[str]:
        """Which of these requests are known to be attempts' of ours."""
        if not request_ids:
            return set()
        with self._database.read() as connection:
            return set(
                connection.execute(
                    select(attempts.c.request_id).where(
                        attempts.c.account_id == account_id,
                        among(self._database, attempts.c.request_id, "ids"),
                    ),
                    {"ids": sorted(request_ids)},
                ).scalars()
            )

    def sent_later(
        self, account_id: UUID, model: str, after: datetime, limit: int
    ) -> list[Sibling]:
        """The first calls of an account and model that were claimed `after`, succeeded and are
        settled: a history that has caught up lists one of them.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                select(
                    attempts.c.id,
                    attempts.c.seed,
                    attempts.c.claimed_at,
                    attempts.c.request_id,
                    jobs.c.tenant_id,
                    jobs.c.input,
                    jobs.c.model,
                )
                .join(jobs, jobs.c.id == attempts.c.job_id)
                .where(
                    attempts.c.account_id == account_id,
                    attempts.c.claimed_at > after,
                    attempts.c.outcome == State.SUCCEEDED,
                    attempts.c.finished_at.is_not(None),
                    jobs.c.model == model,
                )
                .order_by(attempts.c.claimed_at)
                .limit(limit)
            ).all()
        return [_sibling(row, Standing.PAID) for row in rows]

    def look_again(
        self,
        attempt_ids: Sequence[UUID],
        after: timedelta | None,
        looked: str | None,
        missed_at: datetime | None = None,
    ) -> None:
        """Look for these again `after` that long (None: not any more), and keep what the last look
        came to. `missed_at`: the first pass that counted and lacked them.
        """
        if not attempt_ids:
            return
        with self._database.write() as connection:
            now = self._database.time(connection)
            connection.execute(
                update(attempts)
                .where(
                    among(self._database, attempts.c.id, "ids"),
                    attempts.c.next_look_at.is_not(None),
                )
                .values(
                    next_look_at=None if after is None else now + after,
                    looked=looked,
                    missed_at=func.coalesce(attempts.c.missed_at, missed_at),
                ),
                {"ids": list(attempt_ids)},
            )

    def of_job(self, tenant_id: UUID, job_id: UUID) -> Doubt | None:
        """The attempt that a job in doubt is in doubt about; None for another job."""
        with self._database.read() as connection:
            row = connection.execute(
                _DOUBTS.where(
                    jobs.c.id == job_id,
                    jobs.c.tenant_id == tenant_id,
                    jobs.c.state == State.IN_DOUBT,
                    attempts.c.number == jobs.c.number,
                )
            ).one_or_none()
        return None if row is None else _doubt(row)

    def counts(self, account_id: UUID | None = None) -> dict[str, int]:
        """How the doubts of all time ended, and how many are open, under `open`.

        Of one account, or of all.
        """
        mine = true() if account_id is None else attempts.c.account_id == account_id
        with self._database.read() as connection:
            rows = connection.execute(
                select(func.coalesce(attempts.c.doubt_ended, "open"), func.count())
                .where(mine, attempts.c.in_doubt_at.is_not(None))
                .group_by(attempts.c.doubt_ended)
            ).all()
        return {str(name): int(count) for name, count in rows}


_DOUBTS: Select[Any] = select(
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


def _sibling(row: Any, standing: Standing) -> Sibling:
    return Sibling(
        attempt_id=row.id,
        tenant_id=row.tenant_id,
        input=row.input,
        model=row.model,
        seed=row.seed,
        standing=standing,
        claimed_at=row.claimed_at,
        request_id=row.request_id,
    )


def _standing(row: Any) -> Standing:
    if row.finished_at is None:
        return Standing.OPEN if row.in_doubt_at is None else Standing.IN_DOUBT
    return Standing.PAID if row.cost else Standing.UNPAID


def _doubt(row: Row[Any]) -> Doubt:
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
