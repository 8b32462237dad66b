"""v2 requests under way: their ids as they become known, and which are to be asked about next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, and_, bindparam, case, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from db.among import among
from db.engine import Database
from db.job_rows import job_of
from db.rows import Claim
from db.tables import attempts, jobs
from jobs.catalog import Transport
from jobs.polling import RECORD_LIFE

log = structlog.get_logger()


@dataclass(frozen=True)
class Accepted:
    """A request that Segmind has taken: it runs and will be charged, whoever asks about it."""

    attempt_id: UUID
    job_id: UUID
    request_id: str
    sent_at: datetime
    poll_after: float
    """Seconds from now until it is asked about first."""


@dataclass(frozen=True)
class Due:
    """A request that is to be asked about; `age` in seconds since it was sent."""

    attempt_id: UUID
    account_id: UUID
    request_id: str
    model: str
    age: float


@dataclass(frozen=True)
class Underway:
    """All that is needed to end a request: its attempt as it was claimed, its job as it is."""

    claim: Claim
    sent_at: datetime | None


class RequestStore:
    """No lease and no slot holds a request: `next_poll_at` says when somebody is to ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._of_ids = (
            select(
                attempts.c.id.label("attempt_id"),
                attempts.c.account_id,
                attempts.c.number.label("attempt_number"),
                attempts.c.seed.label("attempt_seed"),
                attempts.c.sent_at,
                jobs,
            )
            .join_from(attempts, jobs, jobs.c.id == attempts.c.job_id)
            .where(among(database, attempts.c.id, "ids"))
        )

    def accepted(self, requests: Sequence[Accepted]) -> None:
        """Write down what was accepted, in one commit; each by itself where that fails.

        One that counts as lost already keeps its doubt, which then has a request to ask about; and so
        has one whose doubt was ended by a guess: what it cost is not known.
        One whose id another attempt has is left as it is: it will be in doubt.
        """
        try:
            with self._database.write() as connection:
                self._write(connection, requests)
        except IntegrityError:
            if len(requests) > 1:
                for one in requests:
                    self.accepted([one])
            else:
                log.warning("request_id_repeated", job=str(requests[0].job_id))

    def _write(self, connection: Connection, requests: Sequence[Accepted]) -> None:
        now = self._database.time(connection)
        connection.execute(
            _ACCEPTED,
            [
                {
                    "attempt": one.attempt_id,
                    "request": one.request_id,
                    "sent": one.sent_at,
                    "poll": now + timedelta(seconds=one.poll_after),
                    # Nobody's heartbeat extends it; a request that nobody asks about until its
                    # record is gone is lost.
                    "lease": now + timedelta(seconds=RECORD_LIFE),
                    "look": now,
                }
                for one in requests
            ],
        )

    def take_due(self, limit: int, hold: timedelta) -> list[Due]:
        """Up to `limit` requests that are to be asked about now, the oldest first, for their
        records expire first. For `hold` nobody else gets them: then whoever took them has died.
        """
        with self._database.write() as connection:
            now = self._database.time(connection)
            due = (
                select(attempts.c.id)
                .where(attempts.c.next_poll_at <= now)
                .order_by(attempts.c.sent_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            ids = list(
                connection.execute(
                    update(attempts)
                    .where(attempts.c.id.in_(due), attempts.c.next_poll_at <= now)
                    .values(next_poll_at=now + hold)
                    .returning(attempts.c.id)
                ).scalars()
            )
            rows = connection.execute(
                select(
                    attempts.c.id,
                    attempts.c.account_id,
                    attempts.c.request_id,
                    attempts.c.sent_at,
                    jobs.c.model,
                )
                .join(jobs, jobs.c.id == attempts.c.job_id)
                .where(among(self._database, attempts.c.id, "ids"))
                .order_by(attempts.c.sent_at),
                {"ids": ids},
            ).all()
        return [
            Due(row.id, row.account_id, row.request_id, row.model, _age(now, row.sent_at))
            for row in rows
        ]

    def ask_again(self, waits: Sequence[tuple[UUID, float]]) -> None:
        """Ask about each of these attempts' requests in so many seconds, unless one has ended."""
        if not waits:
            return
        with self._database.write() as connection:
            now = self._database.time(connection)
            connection.execute(
                _ASK_AGAIN,
                [
                    {"attempt": attempt_id, "poll": now + timedelta(seconds=seconds)}
                    for attempt_id, seconds in waits
                ],
            )

    def underway(self, attempt_ids: Sequence[UUID]) -> dict[UUID, Underway]:
        """What is needed to end these."""
        with self._database.read() as connection:
            rows = connection.execute(self._of_ids, {"ids": list(attempt_ids)}).all()
        return {row.attempt_id: _underway(row) for row in rows}

    def near_expiry(self, within: timedelta, account_id: UUID | None = None) -> int:
        """How many results are not fetched whose records expire within that.

        Of one account, or of all.
        """
        mine = true() if account_id is None else attempts.c.account_id == account_id
        with self._database.read() as connection:
            sent_before = self._database.time(connection) + within - timedelta(seconds=RECORD_LIFE)
            return (
                connection.scalar(
                    select(func.count()).where(
                        mine,
                        attempts.c.next_poll_at.is_not(None),
                        attempts.c.sent_at < sent_before,
                    )
                )
                or 0
            )


_OPEN = (attempts.c.id == bindparam("attempt"), attempts.c.finished_at.is_(None))
_GUESSED = and_(attempts.c.cost_known.is_(False), attempts.c.request_id.is_(None))
_LOOKED_FOR = or_(attempts.c.in_doubt_at.is_not(None), attempts.c.finished_at.is_not(None))
"""By its id in the history, and not polled: no job waits for it as one that runs."""
_ACCEPTED = (
    update(attempts)
    .where(
        attempts.c.id == bindparam("attempt"),
        or_(attempts.c.finished_at.is_(None), _GUESSED),
        attempts.c.next_poll_at.is_(None),
    )
    .values(
        request_id=bindparam("request"),
        sent_at=bindparam("sent"),
        holder=None,
        lease_until=bindparam("lease"),
        next_poll_at=case(
            (_LOOKED_FOR, None), else_=bindparam("poll", type_=attempts.c.sent_at.type)
        ),
        next_look_at=case(
            (_LOOKED_FOR, bindparam("look", type_=attempts.c.sent_at.type)), else_=None
        ),
    )
)
_ASK_AGAIN = (
    update(attempts)
    .where(*_OPEN, attempts.c.next_poll_at.is_not(None))
    .values(next_poll_at=bindparam("poll"))
)


def _age(now: datetime, sent_at: datetime) -> float:
    # The worker's clock may be ahead of the database's.
    return max(0.0, (now - sent_at).total_seconds())


def _underway(row: Any) -> Underway:
    # The fence: whoever was stopped for long must not end the job's next call in its place.
    job = replace(job_of(row), number=row.attempt_number)
    claim = Claim(row.attempt_id, row.account_id, job, row.attempt_seed, Transport.V2)
    return Underway(claim, row.sent_at)
