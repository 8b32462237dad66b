"""A claim of several jobs at once: their moves, their attempts and their turns, in one commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, insert, update

from db.among import among
from db.batch_counts import Move, note_moves
from db.budget_books import Books
from db.budget_gate import pass_at
from db.eligibility import locked_caps
from db.engine import Database
from db.ids import new_id
from db.job_rows import job_of
from db.next_jobs import Next, next_jobs, oldest
from db.passes import charge
from db.pauses import Standing, credits_pause, standing
from db.rows import Claim, Held, Terms
from db.tables import attempts, jobs
from jobs import credits as balances
from jobs import seeds
from jobs.account_pauses import Pause, PauseReason
from jobs.budgets import OF_CLAIMS
from jobs.catalog import MODELS, Transport
from jobs.money import ZERO, Money
from jobs.states import State


class Claiming:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database, randint: Callable[[int, int], int]) -> None:
        self._database = database
        self._randint = randint
        self._books = Books(database)
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
        chosen = next_jobs(connection, pool, account_id, count, self._oldest)
        found, short = chosen.jobs, chosen.short
        if not found:
            if short:
                self._covered(connection, [], short, pass_at(self._database, connection))
            return []
        # Locked until the commit, and with it every other claim of the account: two that both see a
        # balance for one call would both go.
        mine = {one.row.tenant_id for one in found}
        now = standing(connection, account_id, mine, self._database)
        if now.pause is not None:
            return Held(now.pause)
        # Looked at before, but then without the lock: a pause may have come while this claim waited.
        callable_ = [one for one in found if not _is_stopped(one, now)]
        if any(one.capped for one in callable_):
            callable_ = _within_caps(connection, callable_)
        if not callable_:
            return []
        payable = _payable(callable_, now, terms.floor)
        if not payable and now.credits is None:
            # No pause: the balance is about to be read, and nobody has to do anything.
            return Held(Pause(PauseReason.CREDITS, None, said="its balance is not known yet"))
        if not payable:
            price = _price(callable_[0])
            return credits_pause(connection, account_id, now, price, terms.floor, self._database)
        if now.hindrances.budgeted or short:
            payable = self._covered(connection, payable, short, now.at)
            if not payable:
                return []
        claims = self._start(connection, payable, account_id, now, terms)
        postgres = not self._database.is_sqlite
        charge(connection, [c for one in payable for c in one.charges], postgres=postgres)
        return claims

    def _covered(
        self,
        connection: Connection,
        found: Sequence[Next],
        short: Mapping[UUID, Money],
        at: datetime,
    ) -> list[Next]:
        """Those whose calls their tenants' budgets cover, reserved: of each tenant the first ones.

        Chosen without a lock, so another claim may have taken what was left; here the rows are
        locked.
        """
        tenants = {one.row.tenant_id for one in found} | short.keys()
        books = self._books.open(connection, at, tenants, OF_CLAIMS, [at], begins=True)
        covered: list[Next] = []
        uncovered: set[UUID] = set()
        for one in found:
            tenant = one.row.tenant_id
            # None goes ahead of one that was before it in the order.
            if tenant not in uncovered and books.admit_call(tenant, at, _price(one)):
                covered.append(one)
            else:
                uncovered.add(tenant)
        for tenant, price in short.items():
            books.note_short(tenant, at, price)
        books.write(connection)
        return covered

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
        runs = {"state": State.RUNNING, "error": None}
        note_moves(
            connection,
            (Move(one.row, runs) for one in chosen),
        )
        claims = []
        for one in chosen:
            job = job_of(one.row)
            running = replace(job, state=State.RUNNING, number=job.number + 1)
            seed = seeds.for_attempt(job.input.get("seed"), self._randint)
            how = now.transport or terms.transport or transport_of(job.model)
            claims.append(Claim(new_id(), account_id, running, seed, how, one.capped))
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


def _is_stopped(one: Next, now: Standing) -> bool:
    return now.stops(one.row.model, one.row.tenant_id, one.row.group_name)


def _within_caps(connection: Connection, found: Sequence[Next]) -> list[Next]:
    """Those whose tenants and groups may have so many running, whatever other accounts claim now."""
    capped = {one.row.tenant_id for one in found if one.capped}
    of_tenant, of_group = locked_caps(connection, capped)
    kept: list[Next] = []
    for one in found:
        tenant, place = one.row.tenant_id, (one.row.tenant_id, one.row.group_name)
        if of_tenant.get(tenant, 1) > 0 and of_group.get(place, 1) > 0:
            kept.append(one)
            of_tenant[tenant] = of_tenant.get(tenant, len(found)) - 1
            of_group[place] = of_group.get(place, len(found)) - 1
    return kept


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
