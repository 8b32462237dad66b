"""What an audit reads and writes: the attempts of a window, and calls that have no attempt yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from db.batch_counts import Move, note_moves
from db.budget_books import Books
from db.budget_gate import pass_at
from db.engine import Database
from db.ids import new_id
from db.job_rows import job_of
from db.rows import Job
from db.tables import attempts, jobs
from jobs.budgets import EVERY, NOTHING, Share, of_call, of_job
from jobs.catalog import Transport
from jobs.errors import RequestHeld
from jobs.money import Money
from jobs.retention import Removed
from jobs.states import FINAL, WAITING, State

_PIECE = 1_000


@dataclass(frozen=True)
class Recorded:
    """An attempt, with what its call was made of."""

    attempt_id: UUID
    job_id: UUID
    tenant_id: UUID
    number: int
    model: str
    input: dict[str, Any]
    seed: int | None
    request_id: str | None
    outcome: str | None
    cost: Money
    cost_known: bool
    claimed_at: datetime
    finished_at: datetime | None
    removed: Removed
    """How much of its job's data is."""


@dataclass(frozen=True)
class Adopted:
    """A call of the provider's that gets an attempt after all. `request_id` None: it may be this
    job's or another's.
    """

    request_id: str | None
    seed: int | None
    cost: Money
    sent_at: datetime | None


class AuditStore:
    """Reads in pieces: a window may have a hundred thousand calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)

    def time(self) -> datetime:
        """The database's time."""
        with self._database.read() as connection:
            return self._database.time(connection)

    def attempts(self, account_id: UUID, first: datetime, last: datetime) -> Iterator[Recorded]:
        """The account's attempts that were claimed then, the first of them first."""
        after = (first, UUID(int=0))
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    select(
                        *(attempts, jobs.c.tenant_id, jobs.c.model, jobs.c.input, jobs.c.removed)
                    )
                    .join(jobs, jobs.c.id == attempts.c.job_id)
                    .where(
                        attempts.c.account_id == account_id,
                        attempts.c.claimed_at <= last,
                        or_(
                            attempts.c.claimed_at > after[0],
                            (attempts.c.claimed_at == after[0]) & (attempts.c.id > after[1]),
                        ),
                    )
                    .order_by(attempts.c.claimed_at, attempts.c.id)
                    .limit(_PIECE)
                ).all()
            for row in rows:
                yield _recorded(row)
            if len(rows) < _PIECE:
                return
            after = (rows[-1].claimed_at, rows[-1].id)

    def jobs_of(self, model: str, until: datetime) -> Iterator[Job]:
        """The jobs of a model that were there by then and have their data, in the order in which
        they came.
        """
        after = UUID(int=0)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    select(jobs)
                    .where(
                        *(jobs.c.id > after, jobs.c.model == model, jobs.c.created_at <= until),
                        jobs.c.removed < Removed.ALL,
                    )
                    .order_by(jobs.c.id)
                    .limit(_PIECE)
                ).all()
            for row in rows:
                yield job_of(row)
            if len(rows) < _PIECE:
                return
            after = rows[-1].id

    def adopt(self, job: Job, account_id: UUID, call: Adopted, lease: timedelta) -> UUID | None:
        """Give a call that was made an attempt of its job; its id.

        A job that waits is moved to `running`, as a claim moves it, for whoever ends it with what
        the call brought. Of a job that has ended only the money is recorded. None for a job whose
        own call is under way or in doubt: that one may be this. Raises `RequestHeld` where another
        attempt has the request by now.
        """
        with _held_is_told(call.request_id), self._database.write() as connection:
            now = pass_at(self._database, connection)
            row = connection.execute(
                select(jobs).where(jobs.c.id == job.id).with_for_update()
            ).one()
            state = State(row.state)
            if state not in WAITING and state not in FINAL:
                return None
            attempt_id = new_id()
            connection.execute(
                insert(attempts).values(
                    id=attempt_id,
                    job_id=job.id,
                    number=row.number + 1,
                    account_id=account_id,
                    seed=call.seed,
                    estimate=row.estimate,
                    transport=Transport.V1,
                    claimed_at=call.sent_at or now,
                    sent_at=call.sent_at,
                    request_id=call.request_id,
                    lease_until=now + lease,
                    deadline_at=now + lease,
                )
            )
            if state in WAITING:
                self._start(connection, row, now)
            else:
                self._book(connection, row, attempt_id, call, now)
            held = of_call(ended=state in FINAL, estimate=row.estimate, cost=call.cost)
            self._balance(connection, now, row.tenant_id, call.sent_at or now, held, row)
            return attempt_id

    def correct(self, attempt_id: UUID, cost: Money, request_id: str) -> None:
        """Book what the provider says that an attempt cost, in the place of what was booked.

        Raises `RequestHeld` where another attempt has the request by now.
        """
        with _held_is_told(request_id), self._database.write() as connection:
            now = pass_at(self._database, connection)
            row = connection.execute(
                select(attempts).where(attempts.c.id == attempt_id).with_for_update()
            ).one()
            connection.execute(
                update(attempts)
                .where(attempts.c.id == attempt_id)
                .values(cost=cost, cost_known=True, request_id=request_id, next_look_at=None)
            )
            job = connection.execute(
                update(jobs)
                .where(jobs.c.id == row.job_id)
                .values(cost=jobs.c.cost + (cost - (row.cost or 0)))
                .returning(jobs)
            ).one()
            was = job.cost - (cost - (row.cost or 0))
            note_moves(connection, [Move(job, {"cost": job.cost}, was={"cost": was})])
            ended = row.finished_at is not None
            before, after = (
                of_call(ended=ended, estimate=row.estimate, cost=one) for one in (row.cost, cost)
            )
            self._balance(connection, now, job.tenant_id, row.claimed_at, after - before)

    def _balance(
        self,
        connection: Connection,
        now: datetime,
        tenant: UUID,
        claimed_at: datetime,
        change: Share,
        job: Any = None,
    ) -> None:
        """What the call, and the `job` that waited for it, changes of its tenant's budgets.

        It was made, so nobody asks whether it is covered.
        """
        books = self._books.open(connection, now, [tenant], EVERY, [claimed_at], begins=True)
        books.add_call(tenant, claimed_at, change)
        if job is not None:
            books.add_job(tenant, NOTHING - of_job(State(job.state), job.held_for, job.estimate))
        books.write(connection)

    def _start(self, connection: Connection, row: Any, now: datetime) -> None:
        # Two moves, as MOVES has them: what waits for its time is queued before it runs.
        connection.execute(
            update(jobs)
            .where(jobs.c.id == row.id, jobs.c.state == State.SCHEDULED)
            .values(state=State.QUEUED)
        )
        connection.execute(
            update(jobs)
            .where(jobs.c.id == row.id, jobs.c.state == State.QUEUED)
            .values(
                state=State.RUNNING,
                number=row.number + 1,
                started_at=row.started_at or now,
                held_for=None,
                error=None,
            )
        )
        note_moves(connection, [Move(row, {"state": State.RUNNING, "error": None})])

    def _book(
        self, connection: Connection, row: Any, attempt_id: UUID, call: Adopted, now: datetime
    ) -> None:
        connection.execute(
            update(attempts)
            .where(attempts.c.id == attempt_id)
            .values(
                finished_at=now,
                outcome=State.SUCCEEDED,
                message="found in Segmind's history, and adopted",
                cost=call.cost,
                cost_known=True,
            )
        )
        connection.execute(
            update(jobs)
            .where(jobs.c.id == row.id, jobs.c.state == row.state)
            .values(number=row.number + 1, cost=jobs.c.cost + call.cost)
        )
        note_moves(connection, [Move(row, {"cost": row.cost + call.cost})])


@contextmanager
def _held_is_told(request_id: str | None) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise RequestHeld(f"request {request_id} is another attempt's") from error


def _recorded(row: Any) -> Recorded:
    return Recorded(
        attempt_id=row.id,
        job_id=row.job_id,
        tenant_id=row.tenant_id,
        number=row.number,
        model=row.model,
        input=row.input,
        seed=row.seed,
        request_id=row.request_id,
        outcome=row.outcome,
        cost=Money(row.cost or 0),
        cost_known=bool(row.cost_known),
        claimed_at=row.claimed_at,
        finished_at=row.finished_at,
        removed=Removed(row.removed),
    )
