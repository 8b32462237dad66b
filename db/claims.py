"""A claim of several jobs at once: their moves, their attempts and their turns, in one commit."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, update

from db.among import among
from db.engine import Database
from db.ids import new_id
from db.jobs import job_of
from db.next_jobs import Next, next_jobs, oldest
from db.pauses import Standing, credits_pause, standing
from db.rows import Claim, Held, Terms
from db.tables import attempts, jobs
from db.turns import charge
from jobs import credits as balances
from jobs import seeds
from jobs.account_pauses import Pause, PauseReason
from jobs.catalog import MODELS, Transport
from jobs.money import ZERO, Money
from jobs.states import State


class Claiming:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database, randint: Callable[[int, int], int]) -> None:
        self._database = database
        self._randint = randint
        self._oldest = oldest(database, jobs).with_for_update(skip_locked=True)
        self._take = (
            update(jobs)
            .where(among(database, jobs.c.id, "ids"), jobs.c.state == State.QUEUED)
            .values(
                state=State.RUNNING,
                number=jobs.c.number + 1,
                started_at=func.coalesce(jobs.c.started_at, bindparam("now")),
                error=None,
            )
        )
        self._intend = insert(attempts)

    def claim(
        self, connection: Connection, pool: str, account_id: UUID, count: int, terms: Terms
    ) -> list[Claim] | Held:
        """Claim up to `count` jobs; see `RunStore.claim`."""
        found = next_jobs(connection, pool, account_id, count, self._oldest)
        if not found:
            return []
        # Locked until the commit, and with it every other claim of the account: two that both see a
        # balance for one call would both go.
        now = standing(connection, account_id, self._database)
        if now.pause is not None:
            return Held(now.pause)
        # Looked at before, but then without the lock: a pause may have come while this claim waited.
        callable_ = [one for one in found if one.row.model not in now.paused_models]
        if not callable_:
            return []
        payable = _payable(callable_, now, terms.floor)
        if not payable and now.credits is None:
            # No pause: the balance is about to be read, and nobody has to do anything.
            return Held(Pause(PauseReason.CREDITS, None, said="its balance is not known yet"))
        if not payable:
            price = _price(callable_[0])
            return credits_pause(connection, account_id, now, price, terms.floor, self._database)
        claims = self._start(connection, payable, account_id, now, terms)
        postgres = not self._database.is_sqlite
        charge(connection, [c for one in payable for c in one.charges], postgres=postgres)
        return claims

    def _start(
        self,
        connection: Connection,
        chosen: Sequence[Next],
        account_id: UUID,
        now: Standing,
        terms: Terms,
    ) -> list[Claim]:
        at = now.at
        taken = connection.execute(self._take, {"ids": [one.row.id for one in chosen], "now": at})
        if taken.rowcount != len(chosen):
            # Their rows are locked, so it cannot be; and what is not moved must not be called for.
            raise RuntimeError(f"claimed {taken.rowcount} of {len(chosen)} locked jobs")
        claims = []
        for one in chosen:
            job = job_of(one.row)
            running = replace(job, state=State.RUNNING, number=job.number + 1)
            seed = seeds.for_attempt(job.input.get("seed"), self._randint)
            how = now.transport or terms.transport or transport_of(job.model)
            claims.append(Claim(new_id(), account_id, running, seed, how))
        connection.execute(
            self._intend,
            [
                {
                    "id": claim.attempt_id,
                    "job_id": claim.job.id,
                    "number": claim.number,
                    "account_id": account_id,
                    "seed": claim.seed,
                    "estimate": claim.job.estimate,
                    "transport": claim.transport,
                    "claimed_at": at,
                    "lease_until": at + terms.lease,
                    "deadline_at": at + (terms.bound or terms.lease),
                    "holder": terms.holder,
                }
                for claim in claims
            ],
        )
        return claims


def _payable(found: Sequence[Next], now: Standing, floor: Money) -> list[Next]:
    """The first of them, for as long as the balance covers them all and leaves the floor."""
    payable: list[Next] = []
    price = ZERO
    for one in found:
        price = Money(price + _price(one))
        if not balances.covers(now.credits, now.committed, price, floor):
            break
        payable.append(one)
    return payable


def _price(one: Next) -> Money:
    return Money(one.row.estimate)


def transport_of(slug: str) -> Transport:
    """A model that has left the catalog since is refused before it is sent, whatever this says."""
    return MODELS[slug].transport if slug in MODELS else Transport.V1
