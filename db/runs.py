"""The worker's verbs on a job: look, claim, settle; and the sweeper's: lost, doubt."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import case, update
from sqlalchemy.exc import IntegrityError

from db.claims import Claiming
from db.engine import Database
from db.lost_attempts import lost_attempts
from db.next_jobs import next_jobs, oldest
from db.passes import forget_settled
from db.rows import Claim, Held, Lost, Moved, Settlement, Terms
from db.settles import Settling
from db.tables import attempts, jobs
from jobs.account_pauses import Pause
from jobs.errors import RequestHeld, Unavailable
from jobs.money import Money

log = structlog.get_logger()

_RENEWED_BELOW = 2 / 3
"""A lease with more of its time left than this is not extended yet."""

_SYSTEM = random.SystemRandom()


class RunStore:
    """Attempts, and the moves of a job that a worker or the sweeper makes."""

    def __init__(
        self, database: Database, randint: Callable[[int, int], int] = _SYSTEM.randint
    ) -> None:
        """`randint` chooses seeds; it must not repeat itself in forked or restarted processes."""
        self._database = database
        self._claiming = Claiming(database, randint)
        self._settling = Settling(database)
        self._oldest_price = oldest(database, jobs.c.id, jobs.c.estimate)

    def next_price(self, pool: str, account_id: UUID) -> Money | None:
        """What the next job may cost; None when none is queued. A look, which promises nothing.

        Jobs of models that pause on the account are left out, and those that no budget covers.
        """
        with self._database.read() as connection:
            found = next_jobs(connection, pool, account_id, 1, self._oldest_price).jobs
            return Money(found[0].row.estimate) if found else None

    def claim(
        self, pool: str, account_id: UUID, *, terms: Terms, count: int = 1
    ) -> list[Claim] | Held:
        """Claim up to `count` (≥ 1) jobs whose turn it is, in order, and write down the intent to
        call for each; in one commit.

        Fewer when fewer are queued that the account may call and their tenants' budgets cover, or
        when its balance does not cover more beside all calls still open; `Held` when the account pauses, or its balance does not
        cover even the first.
        """
        with self._database.write() as connection:
            found = self._claiming.claim(connection, pool, account_id, count, terms)
        if isinstance(found, Held) and found.new:
            _log_pause(found.pause)
        return found

    def settle(self, settlement: Settlement) -> Moved:
        """Record an attempt and move its job on, in one commit.

        The attempt's record is written once, whoever brings it first, and once more by whoever
        knows what it cost where that was only believed; the money is booked with it. The job moves
        only while this attempt is its latest: from `running`, and from `in_doubt` too when this
        says how the call ended. Raises `RequestHeld` for a call that was found in the history by a
        request that another attempt has.
        """
        try:
            return self._settle([settlement])[0]
        except IntegrityError as error:
            if settlement.found_by_request:
                raise RequestHeld(
                    f"request {settlement.request_id} is another attempt's"
                ) from error
            # The provider gave one request id twice. That must not lose a paid result.
            log.warning("request_id_repeated", job=str(settlement.job_id))
            return self._settle([replace(settlement, request_id=None)])[0]

    def settle_many(self, settlements: Sequence[Settlement]) -> list[Moved | Exception]:
        """`settle` for several attempts in one commit.

        When one of them cannot be settled that way, each is settled by itself: what came of it then
        stands in its place. Raises `Unavailable` for all of them.
        """
        try:
            if len({one.attempt_id for one in settlements}) == len(settlements):
                return [*self._settle(settlements)]
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # one that is wrong must not keep the others
            if len(settlements) > 1:
                log.warning("settled_apart", count=len(settlements), reason=str(error))
        return [self._alone(one) for one in settlements]

    def _alone(self, settlement: Settlement) -> Moved | Exception:
        try:
            return self.settle(settlement)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # it is told to whoever brought this one
            return error

    def _settle(self, settlements: Sequence[Settlement]) -> list[Moved]:
        with self._database.write() as connection:
            done = self._settling.settle(connection, settlements)
        for pause in done.pauses:
            _log_pause(pause)
        for one in done.after_all:
            # Its job was sent again: it may be paid twice.
            log.error("paid_after_all", job=one.job_id, number=one.number, request=one.request_id)
        return done.moved

    def extend(self, holder: UUID, lease: timedelta) -> int:
        """A heartbeat: move on the leases of what this process has in its hands, never past an
        attempt's own bound; returns how many.

        One that is in doubt already stays so.
        """
        with self._database.write() as connection:
            now = self._database.time(connection)
            until = now + lease
            return connection.execute(
                update(attempts)
                .where(
                    attempts.c.holder == holder,
                    attempts.c.finished_at.is_(None),
                    attempts.c.in_doubt_at.is_(None),
                    # Most calls are done long before: their rows are left alone.
                    attempts.c.lease_until < now + lease * _RENEWED_BELOW,
                )
                .values(
                    lease_until=case(
                        (attempts.c.deadline_at < until, attempts.c.deadline_at), else_=until
                    )
                )
            ).rowcount

    def lost(self, limit: int) -> list[Lost]:
        """Up to `limit` attempts whose lease has run out and whose job nobody has moved since."""
        with self._database.read() as connection:
            return lost_attempts(connection, self._database, limit)

    def forget_settled_turns(self) -> int:
        """Drop what the order needs no more; returns how many rows."""
        with self._database.write() as connection:
            return forget_settled(connection)


def _log_pause(pause: Pause) -> None:
    # Once for each pause, not for each of the calls that were in flight when it began.
    log.warning(
        "account_paused",
        reason=str(pause.reason),
        model=pause.model or "all",
        until=pause.until.isoformat() if pause.until else "resumed",
        said=pause.said,
    )
