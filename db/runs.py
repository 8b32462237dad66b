"""The worker's verbs on a job: look, claim, settle; and the sweeper's: lost, doubt."""

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import (
    Connection,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from db.accounts import believe
from db.engine import Database
from db.ids import new_id
from db.jobs import job_of
from db.lost_attempts import lost_attempts
from db.next_job import first_job, oldest
from db.pauses import held_by, may_call, pause_account
from db.rows import Claim, Held, Job, Lost, Settlement
from db.tables import attempts, jobs, outputs
from db.turns import charge, forget_settled, refund
from jobs import seeds
from jobs.account_pauses import Pause
from jobs.failures import FailureKind
from jobs.money import Money
from jobs.settling import settled
from jobs.states import FINAL, State

log = logging.getLogger(__name__)

_SYSTEM = random.SystemRandom()


class RunStore:
    """Attempts, and the moves of a job that a worker or the sweeper makes."""

    def __init__(
        self, database: Database, randint: Callable[[int, int], int] = _SYSTEM.randint
    ) -> None:
        """`randint` chooses seeds; it must not repeat itself in forked or restarted processes."""
        self._database = database
        self._randint = randint
        # Written once: to build them anew for each claim takes longer than to run them.
        self._oldest_price = oldest(database, jobs.c.estimate)
        self._oldest_job = oldest(database, jobs).with_for_update(skip_locked=True)

    def next_price(self, pool: str, account_id: UUID) -> Money | None:
        """What the next job may cost; None when none is queued. A look, which promises nothing.

        Jobs of models that pause on the account are left out.
        """
        with self._database.read() as connection:
            _, row = first_job(connection, pool, account_id, self._oldest_price)
            return Money(row.estimate) if row else None

    def claim(
        self, pool: str, account_id: UUID, *, lease: timedelta, dearest: Money
    ) -> Claim | Held | None:
        """Claim the job whose turn it is and write down the intent to call, in one commit.

        None when no job is queued that the account may call, or the next one costs more than
        `dearest`; `Held` when the account pauses or its balance does not cover the job beside all
        calls still open.
        """
        with self._database.write() as connection:
            place, row = first_job(connection, pool, account_id, self._oldest_job)
            if place is None or row is None or row.estimate > dearest:
                return None
            job = job_of(row)
            held = held_by(connection, account_id, job.estimate, self._database)
            if held is None:
                # Looked at before, but then without the lock: a pause may have come while this
                # claim waited for it.
                if not may_call(connection, account_id, job.model):
                    return None
                claim = self._take(connection, job, account_id, lease)
                if claim is None:
                    return None
                charge(connection, place, job.estimate, postgres=not self._database.is_sqlite)
                return claim
        if held.new:
            _log_pause(held.pause)
        return held

    def _take(
        self, connection: Connection, job: Job, account_id: UUID, lease: timedelta
    ) -> Claim | None:
        database = self._database
        taken = connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state == State.QUEUED)
            .values(
                state=State.RUNNING,
                number=job.number + 1,
                started_at=func.coalesce(jobs.c.started_at, database.now),
                error=None,
            )
        )
        if not taken.rowcount:
            return None
        seed = seeds.for_attempt(job.input.get("seed"), self._randint)
        running = replace(job, state=State.RUNNING, number=job.number + 1)
        claim = Claim(new_id(), account_id, running, seed)
        connection.execute(
            insert(attempts).values(
                id=claim.attempt_id,
                job_id=job.id,
                number=claim.number,
                account_id=account_id,
                seed=seed,
                estimate=job.estimate,
                claimed_at=database.now,
                lease_until=database.after(lease),
            )
        )
        return claim

    def settle(self, settlement: Settlement) -> bool:
        """Record an attempt and move its job on, in one commit; False when the job was not moved.

        The attempt's record is written once, whoever brings it first; the money it cost is booked
        with it. The job moves only while this attempt is its latest: from `running`, and from
        `in_doubt` too when this says how the call ended, be it a receipt or a worker that could not
        reach SQL before its lease ran out.
        """
        try:
            return self._settle(settlement)
        except IntegrityError:
            # The provider gave one request id twice. That must not lose a paid result.
            log.warning("request_id_repeated job=%s", settlement.job_id)
            return self._settle(replace(settlement, request_id=None))

    def _settle(self, settlement: Settlement) -> bool:
        with self._database.write() as connection:
            recorded = self._record(connection, settlement)
            moved = self._move(connection, settlement)
            if recorded:
                if settlement.cost:
                    connection.execute(
                        update(jobs)
                        .where(jobs.c.id == settlement.job_id)
                        .values(cost=jobs.c.cost + settlement.cost)
                    )
                if settlement.credits is not None:
                    believe(connection, settlement.account_id, settlement.credits)
            # In this commit, or the job would be free to be claimed before its account pauses.
            new_pause = settlement.pause is not None and pause_account(
                connection,
                settlement.account_id,
                settlement.pause,
                self._database,
                settlement.attempt_id,
            )
        if settlement.pause is not None and new_pause:
            _log_pause(settlement.pause)
        return moved

    def _record(self, connection: Connection, settlement: Settlement) -> bool:
        failure = settlement.failure
        doubt = settlement.decision.state is State.IN_DOUBT
        recorded = connection.execute(
            update(attempts)
            .where(attempts.c.id == settlement.attempt_id, attempts.c.finished_at.is_(None))
            .values(
                # An attempt in doubt stays open: it may still turn out to have cost something.
                finished_at=None if doubt else self._database.now,
                in_doubt_at=self._database.now if doubt else attempts.c.in_doubt_at,
                outcome=failure.kind if failure else State.SUCCEEDED,
                message=failure.message if failure else None,
                http_status=settlement.http_status,
                request_id=settlement.request_id,
                cost=settlement.cost if settlement.cost_known or not doubt else None,
                cost_known=settlement.cost_known,
                generation_seconds=settlement.generation_seconds,
                sent_at=settlement.sent_at,
                answered_at=settlement.answered_at,
                answer_form=settlement.answer_form,
            )
        )
        return bool(recorded.rowcount) and not doubt

    def _move(self, connection: Connection, settlement: Settlement) -> bool:
        doubt = settlement.decision.state is State.IN_DOUBT
        leaving = (State.RUNNING,) if doubt else (State.RUNNING, State.IN_DOUBT)
        fence = (
            jobs.c.id == settlement.job_id,
            jobs.c.number == settlement.number,
            jobs.c.state.in_(leaving),
        )
        row = connection.execute(select(jobs).where(*fence).with_for_update()).one_or_none()
        if row is None:
            return False
        becomes = settled(
            settlement.decision,
            settlement.failure,
            leaving=State(row.state),
            canceled=row.cancel_requested_at is not None,
            finish_by=row.finish_by,
        )
        now = self._database.now
        # A doubt has spent its attempt already; it gets it back when the call turns out free.
        spent = settlement.decision.spends_attempt - (row.state == State.IN_DOUBT)
        connection.execute(
            update(jobs)
            .where(*fence)
            .values(
                state=becomes.state,
                run_at=becomes.run_at or jobs.c.run_at,
                attempts=jobs.c.attempts + spent,
                seed=settlement.seed,
                error=becomes.error,
                finished_at=now if becomes.state in FINAL else None,
            )
        )
        if settlement.outputs:
            _keep_outputs(connection, settlement)
        if settlement.failure is not None and settlement.failure.kind is FailureKind.NOT_SENT:
            refund(
                connection,
                pool=row.pool,
                tenant=row.tenant_id,
                priority=row.priority,
                group=row.group_name,
                cost=row.estimate,
            )
        return True

    def lost(self, limit: int) -> list[Lost]:
        """Up to `limit` attempts whose lease has run out and whose job nobody has moved since."""
        with self._database.read() as connection:
            return lost_attempts(connection, self._database, limit)

    def is_open(self, attempt_id: UUID, job_id: UUID, number: int) -> bool:
        """Whether a settle of this attempt would still change something."""
        with self._database.read() as connection:
            row = connection.execute(
                select(attempts.c.finished_at, jobs.c.state, jobs.c.number)
                .join(jobs, jobs.c.id == attempts.c.job_id)
                .where(attempts.c.id == attempt_id, jobs.c.id == job_id)
            ).one_or_none()
        if row is None:
            return False
        job_open = row.number == number and row.state in {State.RUNNING, State.IN_DOUBT}
        return row.finished_at is None or job_open

    def forget_settled_turns(self) -> int:
        """Drop what the order needs no more; returns how many rows."""
        with self._database.write() as connection:
            return forget_settled(connection)


def _log_pause(pause: Pause) -> None:
    # Once for each pause, not for each of the calls that were in flight when it began.
    log.warning(
        "account_paused reason=%s model=%s until=%s said=%s",
        pause.reason,
        pause.model or "all",
        pause.until.isoformat() if pause.until else "resumed",
        pause.said,
    )


def _keep_outputs(connection: Connection, settlement: Settlement) -> None:
    connection.execute(
        insert(outputs),
        [
            {
                "job_id": settlement.job_id,
                "n": output.n,
                "artifact": output.artifact,
                "content_type": output.content_type,
                "width": output.width,
                "height": output.height,
                "bytes": output.bytes,
                "sha256": output.sha256,
            }
            for output in settlement.outputs
        ],
    )
