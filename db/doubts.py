"""Attempts in doubt, and others whose cost is only believed: which to look for next, among what."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, true, update

from db.among import among
from db.doubt_rows import DOUBTS, Doubt, Sibling, doubt_of, sibling_of, standing_of
from db.engine import Database
from db.tables import accounts, attempts, jobs
from jobs.failures import FailureKind
from jobs.matching import Standing
from jobs.retention import Removed
from jobs.states import State

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
                DOUBTS.where(among(self._database, attempts.c.id, "ids")).order_by(
                    attempts.c.claimed_at
                ),
                {"ids": ids},
            ).all()
        return now, [doubt_of(row) for row in rows]

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
                    attempts.c.cost_known,
                    attempts.c.outcome,
                    attempts.c.request_id,
                    jobs.c.tenant_id,
                    jobs.c.input,
                    jobs.c.model,
                    jobs.c.removed,
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
        return [sibling_of(row, standing_of(row)) for row in rows if row.id not in mine]

    def held(self, request_ids: Collection[str]) -> set[str]:
        """Which of these requests are known to be attempts' of ours, of whatever account: accounts
        of one team see each other's in their histories.
        """
        if not request_ids:
            return set()
        with self._database.read() as connection:
            return set(
                connection.execute(
                    select(attempts.c.request_id).where(
                        # All there are; the index of requests begins with their accounts.
                        attempts.c.account_id.in_(select(accounts.c.id)),
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
                    jobs.c.removed,
                )
                .join(jobs, jobs.c.id == attempts.c.job_id)
                .where(
                    attempts.c.account_id == account_id,
                    attempts.c.claimed_at > after,
                    attempts.c.outcome == State.SUCCEEDED,
                    attempts.c.finished_at.is_not(None),
                    jobs.c.model == model,
                    jobs.c.removed < Removed.ALL,
                )
                .order_by(attempts.c.claimed_at)
                .limit(limit)
            ).all()
        return [sibling_of(row, Standing.PAID) for row in rows]

    def look_again(
        self,
        attempt_ids: Sequence[UUID],
        after: timedelta | None,
        looked: str | None,
        missed_at: datetime | None = None,
        held_until: datetime | None = None,
    ) -> None:
        """Look for these again `after` that long (None: not any more), and keep what the last look
        came to. `missed_at`: the first pass that counted and lacked them.

        `held_until`: until when they were taken. One that somebody has asked to be looked for
        meanwhile, since he knows more of it, is left to the next turn then.
        """
        if not attempt_ids:
            return
        looks = attempts.c.next_look_at
        with self._database.write() as connection:
            now = self._database.time(connection)
            connection.execute(
                update(attempts)
                .where(
                    among(self._database, attempts.c.id, "ids"),
                    looks.is_not(None) if held_until is None else looks == held_until,
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
                DOUBTS.where(
                    jobs.c.id == job_id,
                    jobs.c.tenant_id == tenant_id,
                    jobs.c.state == State.IN_DOUBT,
                    attempts.c.number == jobs.c.number,
                )
            ).one_or_none()
        return None if row is None else doubt_of(row)

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
