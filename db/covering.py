"""Brings jobs back that wait for `total` to cover their next call, since the last one was paid."""

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, literal_column, or_, select, update

from db.among import among
from db.budget_books import Books
from db.budget_gate import pass_at
from db.budget_looks import ASKED_AGAIN_AFTER
from db.engine import Database
from db.tables import budget_periods, budgets, jobs
from jobs.budgets import UNCOVERED, Period
from jobs.money import Money
from jobs.states import WAITING, State

_AT_ONCE = 1_000


class Covering:
    """Such jobs were accepted, and wait: nothing of theirs fails for want of a budget."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)

    def bring_back(self, limit: int) -> int:
        """Reserve for up to `limit` held jobs, the oldest first, as far as their budgets cover
        them; how many are queued now.

        Looks at no job while its budget leaves less than it lacked a moment ago.
        """
        back = 0
        for tenant in self._perhaps_covered():
            found = self._of_tenant(tenant, limit - back)
            back += found.count(State.QUEUED)
            if back >= limit:
                break
        return back

    def free(self, tenant: UUID) -> None:
        """Bring back all that wait for a budget which is gone; waits for whoever changes one."""
        while self._of_tenant(tenant, _AT_ONCE, skip_locked=False):
            pass

    def _perhaps_covered(self) -> list[UUID]:
        used = budget_periods.c.spent + budget_periods.c.reserved
        enough = used + budget_periods.c.short_price <= budgets.c.amount
        with self._database.read() as connection:
            # Another job may be the oldest by now, one that costs less.
            long_ago = self._database.time(connection) - ASKED_AGAIN_AFTER
            return list(
                connection.scalars(
                    select(budgets.c.tenant_id)
                    .join(
                        budget_periods,
                        (budget_periods.c.tenant_id == budgets.c.tenant_id)
                        & (budget_periods.c.period == budgets.c.period),
                    )
                    .where(
                        budgets.c.period == Period.TOTAL,
                        budget_periods.c.short_price.is_not(None),
                        or_(enough, budget_periods.c.short_at <= long_ago),
                    )
                    .order_by(budgets.c.tenant_id)
                )
            )

    def _of_tenant(self, tenant: UUID, limit: int, *, skip_locked: bool = True) -> list[str]:
        """The states of those that its budget covers now."""
        with self._database.write() as connection:
            held = connection.execute(
                select(jobs.c.id, jobs.c.state, jobs.c.estimate)
                .where(*_waits(tenant))
                .order_by(jobs.c.id)
                .limit(limit)
                .with_for_update(skip_locked=skip_locked)
            ).all()
            now = pass_at(self._database, connection)
            books = self._books.open(connection, now, [tenant], (Period.TOTAL,))
            covered = []
            for row in held:
                if not books.admit_held(tenant, Money(row.estimate)):
                    break
                covered.append(row)
            if covered:
                connection.execute(
                    update(jobs)
                    .where(among(self._database, jobs.c.id, "ids"), jobs.c.held_for == UNCOVERED)
                    .values(held_for=None),
                    {"ids": [row.id for row in covered]},
                )
            books.write(connection)
            if not held:
                self._forget(connection, tenant)
        return [row.state for row in covered]

    def _forget(self, connection: Connection, tenant: UUID) -> None:
        """Nobody is to be looked for any more. The budget is locked: whoever holds a job now does so
        before or after this.
        """
        if connection.scalar(select(jobs.c.id).where(*_waits(tenant)).limit(1)) is None:
            connection.execute(
                update(budget_periods)
                .where(
                    budget_periods.c.tenant_id == tenant, budget_periods.c.period == Period.TOTAL
                )
                .values(short_price=None, short_at=None)
            )


def _waits(tenant: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        # Written out, so that the planner sees that the index of held jobs serves.
        literal_column("held_for IS NOT NULL"),
        jobs.c.held_for == UNCOVERED,
        jobs.c.tenant_id == tenant,
        jobs.c.state.in_(WAITING),
    )
