"""What a transaction changes of its tenants' budgets: looked up, locked, admitted and written here.

Every commit that changes a job's or a call's share (jobs/budgets.py) opens the books and writes
them. The rows are locked after all others but those of the order, which come last everywhere: whoever
waits for a budget holds nothing that its holder may want.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Connection, SmallInteger, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from db.among import among
from db.budget_events import tell_alert, tell_overshoot
from db.column_types import Instant
from db.engine import Database
from db.tables import budget_periods, budgets
from jobs.budgets import NOTHING, OF_CLAIMS, Budget, Period, Share, crossed, start_of
from jobs.money import Money

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """A row of `budget_periods`; sorted like this they are locked, everywhere."""

    tenant: UUID
    period: Period
    start: date


@dataclass
class _Line:
    budget: Budget
    """As it stood when it was locked."""
    was_short: int | None
    """A price that was not covered when last somebody asked."""
    change: Share = NOTHING
    short: Money | None = None
    """One that is not covered now."""

    @property
    def now(self) -> Budget:
        return replace(self.budget, share=self.budget.share + self.change)


class OpenBooks:
    """The budgets of some tenants, locked; of tenants without one every verb does nothing."""

    def __init__(
        self,
        database: Database,
        at: datetime,
        limits: dict[UUID, list[Budget]],
        lines: dict[Key, _Line],
    ) -> None:
        """`at`: the database's time. `limits`: every budget of these tenants, locked or not."""
        self._database = database
        self._at = at
        self._limits = limits
        self._lines = lines

    def admit_job(self, tenant: UUID, price: Money) -> Budget | None:
        """Reserve for a job's next call; the budget that does not cover it, None when it is done.

        A day or month that could never cover it refuses it, too: it would stand in the way of all
        that come after it.
        """
        for budget in self._limits.get(tenant, ()):
            if budget.period in OF_CLAIMS and price > budget.limit:
                return budget
        line = self._total(tenant)
        if line is not None and not line.now.admits(price):
            return line.now
        self.add_job(tenant, Share(reserved=price))
        return None

    def admit_again(self, tenant: UUID, price: Money, paid: int) -> bool:
        """Reserve for the next call of a job whose last one was `paid` so much; whether it is covered.

        A call that cost nothing leaves its reservation to the next one.
        """
        line = self._total(tenant)
        if line is not None and paid > 0 and not line.now.admits(price):
            # The least that is waited for: none of those who wait may be forgotten.
            line.short = Money(min(price, line.was_short or price))
            return False
        self.add_job(tenant, Share(reserved=price))
        return True

    def admit_held(self, tenant: UUID, price: Money) -> bool:
        """Reserve for the next call of a job that waited for that; whether it is covered now."""
        line = self._total(tenant)
        if line is not None and not line.now.admits(price):
            line.short = price
            return False
        self.add_job(tenant, Share(reserved=price))
        return True

    def admit_call(self, tenant: UUID, at: datetime, price: Money) -> bool:
        """Reserve of day and month for a call that is claimed `at`; whether both cover it."""
        lines = self._of(tenant, OF_CLAIMS, at)
        for line in lines:
            if not line.now.admits(price):
                line.short = price
                return False
        for line in lines:
            line.change += Share(reserved=price)
        return True

    def note_short(self, tenant: UUID, at: datetime, price: Money) -> None:
        """Note that a call of that price is not covered, where that is so."""
        for line in self._of(tenant, OF_CLAIMS, at):
            if not line.now.admits(price):
                line.short = price

    def add_job(self, tenant: UUID, share: Share) -> None:
        """Change what a tenant's jobs hold beside their calls."""
        line = self._total(tenant)
        if line is not None:
            line.change += share

    def add_call(self, tenant: UUID, claimed_at: datetime, share: Share) -> None:
        """Change what a call holds."""
        for line in self._of(tenant, Period, claimed_at):
            line.change += share

    def write(self, connection: Connection) -> None:
        """Write all of it down; alerts are told once it is committed."""
        changed = {key: one for key, one in sorted(self._lines.items()) if _is_changed(one)}
        if not changed:
            return
        rows = []
        for key, line in changed.items():
            now = line.now
            alerted = max(now.alerted, crossed(now.alerts, now.limit, now.share.used))
            rows.append(
                {
                    "of_tenant": key.tenant,
                    "of_period": key.period,
                    "from_day": key.start,
                    "more_spent": line.change.spent,
                    "more_reserved": line.change.reserved,
                    "told": alerted,
                    "short": line.short,
                    "seen": None if line.short is None else self._at,
                }
            )
            self._tell(key.tenant, line.budget, replace(now, alerted=alerted))
        connection.execute(_WRITE, rows)

    def _tell(self, tenant: UUID, before: Budget, now: Budget) -> None:
        for percent in now.alerts_crossed:
            if percent > before.alerted:
                self._database.once_committed(partial(tell_alert, tenant, now, percent))
        if now.overshoot > before.overshoot:
            self._database.once_committed(partial(tell_overshoot, tenant, now))

    def _total(self, tenant: UUID) -> _Line | None:
        return next(iter(self._of(tenant, (Period.TOTAL,), None)), None)

    def _of(self, tenant: UUID, periods: Iterable[Period], moment: datetime | None) -> list[_Line]:
        keys = (_key(tenant, period, moment) for period in periods)
        return [self._lines[key] for key in keys if key in self._lines]


class Books:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limits = select(budgets).where(among(database, budgets.c.tenant_id, "tenants"))
        self._look = (
            select(budget_periods)
            .where(
                among(database, budget_periods.c.tenant_id, "tenants"),
                among(database, budget_periods.c.period, "periods"),
                among(database, budget_periods.c.starts_on, "starts"),
            )
            .order_by(
                budget_periods.c.tenant_id, budget_periods.c.period, budget_periods.c.starts_on
            )
        )
        self._lock = self._look.with_for_update()
        insert = (sqlite if database.is_sqlite else postgresql).insert
        self._begin = insert(budget_periods).on_conflict_do_nothing()

    def open(
        self,
        connection: Connection,
        at: datetime,
        tenants: Collection[UUID],
        periods: Collection[Period],
        moments: Collection[datetime] = (),
        *,
        begins: bool = False,
    ) -> OpenBooks:
        """Lock what these tenants' budgets hold in those periods at those moments.

        To be called behind the gate (db/budget_gate.py), with the database's time. Costs one look
        where none of them has a budget. `begins`: the period of now begins with its first claim; one
        that nothing is counted of is left out.
        """
        limits: dict[UUID, list[Budget]] = {}
        for row in connection.execute(self._limits, {"tenants": list(tenants)}) if tenants else ():
            limits.setdefault(row.tenant_id, []).append(limit_of(row))
        if not limits:
            return OpenBooks(self._database, at, {}, {})
        keys = {
            _key(tenant, budget.period, moment)
            for tenant, of_tenant in limits.items()
            for budget in of_tenant
            if budget.period in periods
            for moment in (moments or (None,))
        }
        if not keys:
            return OpenBooks(self._database, at, limits, {})
        places = {
            "tenants": list(limits),
            "periods": sorted({key.period for key in keys}),
            "starts": sorted({key.start for key in keys}),
        }
        if begins:
            self._begin_missing(connection, keys, places, at)
        lines = {
            Key(row.tenant_id, budget.period, row.starts_on): _Line(
                held_of(budget, row), row.short_price
            )
            for row in connection.execute(self._lock, places)
            for budget in limits[row.tenant_id]
            if budget.period == row.period
        }
        return OpenBooks(self._database, at, limits, lines)

    def _begin_missing(
        self, connection: Connection, keys: set[Key], places: dict[str, Any], at: datetime
    ) -> None:
        """Before any row is locked, and in their order: who waits for a row that another one begins
        holds none that the other may want.
        """
        there = {
            Key(row.tenant_id, Period(row.period), row.starts_on)
            for row in connection.execute(self._look, places)
        }
        missing = sorted(one for one in keys - there if one.start >= _key(*one[:2], at).start)
        if missing:
            connection.execute(
                self._begin,
                [
                    {"tenant_id": one.tenant, "period": one.period, "starts_on": one.start}
                    for one in missing
                ],
            )


_WRITE = (
    update(budget_periods)
    .where(
        budget_periods.c.tenant_id == bindparam("of_tenant"),
        budget_periods.c.period == bindparam("of_period"),
        budget_periods.c.starts_on == bindparam("from_day"),
    )
    .values(
        spent=budget_periods.c.spent + bindparam("more_spent", type_=BigInteger),
        reserved=budget_periods.c.reserved + bindparam("more_reserved", type_=BigInteger),
        alerted=bindparam("told", type_=SmallInteger),
        short_price=func.coalesce(
            bindparam("short", type_=BigInteger), budget_periods.c.short_price
        ),
        short_at=func.coalesce(bindparam("seen", type_=Instant), budget_periods.c.short_at),
    )
)


def _key(tenant: UUID, period: Period, moment: datetime | None) -> Key:
    """`moment` None: of `total`, where none matters."""
    return Key(tenant, period, start_of(period, moment or _NEVER))


def _is_changed(line: _Line) -> bool:
    return line.change != NOTHING or line.short is not None


def limit_of(row: Any) -> Budget:
    """A `budgets` row as a value that holds nothing yet."""
    period = Period(row.period)
    return Budget(period, start_of(period, _NEVER), Money(row.amount), alerts=tuple(row.alerts))


def held_of(budget: Budget, row: Any) -> Budget:
    """The same with what a `budget_periods` row says."""
    share = Share(reserved=row.reserved, spent=row.spent)
    return replace(budget, start=row.starts_on, share=share, alerted=row.alerted)
