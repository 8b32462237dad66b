"""Budgets of tenants: set, shown, counted anew; and jobs that wait for one brought back."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, select, update

from db.budget_books import Key, held_of, limit_of
from db.budget_counts import counted, drift
from db.budget_gate import close
from db.covering import Covering
from db.engine import Database
from db.tables import budget_periods, budgets, tenants
from jobs.budgets import NOTHING, Budget, Period, Share, crossed, start_of
from jobs.errors import NotFound
from jobs.money import Money


@dataclass(frozen=True)
class Drift:
    """A sum that is not what its rows say: `kept` stands there, `counted` is what it should be."""

    tenant: str
    period: Period
    start: str
    kept: Share
    counted: Share


class BudgetStore:
    """One budget for each tenant and kind of period at the most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._covering = Covering(database)

    def set(
        self,
        tenant_id: UUID,
        amount: Money,
        period: Period,
        alerts: Collection[int] | None = None,
    ) -> Budget:
        """Let the tenant spend so much in each such period; gives the budget as it is then.

        A new one begins with what the tenant's jobs and calls hold of the period by now, which are
        counted while everybody else waits; one that is changed goes on. It may be less than that:
        then nothing more is admitted. `alerts` are percents (1 to 999), None: as they are; those that
        are reached already are not told any more. Raises `NotFound` where there is no such tenant.
        """
        with self._database.write() as connection:
            close(self._database, connection)
            now = self._database.time(connection)
            key = Key(tenant_id, period, start_of(period, now))
            before = self._write_limit(connection, tenant_id, period, amount, alerts, now)
            told_at = sorted(alerts) if alerts is not None else before.alerts if before else []
            is_new = before is None
            kept, found = counted(
                connection, self._database, tenant_id, anew=is_new, since=key.start
            )
            share = (found if is_new else kept).get(key, NOTHING)
            told = crossed(told_at, amount, share.used)
            self._write_share(connection, key, share, told)
            return Budget(period, key.start, amount, share, tuple(told_at), told)

    def remove(self, tenant_id: UUID, period: Period) -> bool:
        """Let the tenant spend without that bound; whether there was one.

        Where it is interrupted, jobs may wait for what is gone until it is called again.
        """
        with self._database.write() as connection:
            close(self._database, connection)
            connection.execute(
                delete(budget_periods).where(
                    budget_periods.c.tenant_id == tenant_id, budget_periods.c.period == period
                )
            )
            removed = connection.execute(
                delete(budgets).where(budgets.c.tenant_id == tenant_id, budgets.c.period == period)
            )
        if period is Period.TOTAL:
            # After that commit: behind the closed gate nobody may be waited for.
            self._covering.free(tenant_id)
        return bool(removed.rowcount)

    def of_tenant(self, tenant_id: UUID) -> list[Budget]:
        """The tenant's budgets in the periods of now."""
        return self._read(tenant_id).get(tenant_id, [])

    def all(self) -> dict[str, list[Budget]]:
        """The budgets of all tenants that have one, by the tenants' names."""
        found = self._read(None)
        with self._database.read() as connection:
            names = _names(connection)
        return dict(sorted((names[tenant], of_tenant) for tenant, of_tenant in found.items()))

    def check(self, *, fix: bool = False) -> list[Drift]:
        """Count every sum anew from its rows; where one says something else, `fix` puts it right.

        That counts all calls that a tenant ever made, of one tenant after the other; with `fix`
        everybody else's submits, claims and settles wait meanwhile.
        """
        with self._database.read() as connection:
            names = _names(connection)
            tenants_ = connection.scalars(select(budgets.c.tenant_id).distinct()).all()
        found: list[Drift] = []
        for tenant_id in sorted(tenants_):
            if fix:
                with self._database.write() as connection:
                    close(self._database, connection)
                    found += self._drift(connection, tenant_id, names[tenant_id], fix=True)
            else:
                with self._database.read() as connection:
                    found += self._drift(connection, tenant_id, names[tenant_id])
        return found

    def _drift(
        self, connection: Connection, tenant_id: UUID, name: str, *, fix: bool = False
    ) -> Iterator[Drift]:
        now = self._database.time(connection)
        kept, found = counted(connection, self._database, tenant_id)
        periods = connection.scalars(
            select(budgets.c.period).where(budgets.c.tenant_id == tenant_id)
        )
        # A period has no row before its first claim. What was claimed by who knows of none counts.
        of_now = [Key(tenant_id, Period(one), start_of(Period(one), now)) for one in periods]
        kept = {**dict.fromkeys(of_now, NOTHING), **kept}
        for key, right in drift(kept, found).items():
            if fix:
                self._write_share(connection, key, right, None)
            yield Drift(name, key.period, key.start.isoformat(), kept[key], right)

    def _read(self, tenant_id: UUID | None) -> dict[UUID, list[Budget]]:
        mine = [] if tenant_id is None else [budgets.c.tenant_id == tenant_id]
        with self._database.read() as connection:
            now = self._database.time(connection)
            limits = connection.execute(select(budgets).where(*mine)).all()
            rows = {
                Key(row.tenant_id, Period(row.period), row.starts_on): row
                for row in connection.execute(
                    select(budget_periods).where(
                        budget_periods.c.tenant_id.in_({row.tenant_id for row in limits}),
                        budget_periods.c.starts_on.in_({start_of(one, now) for one in Period}),
                    )
                )
            }
        found: dict[UUID, list[Budget]] = {}
        order = list(Period)
        for limit in sorted(limits, key=lambda row: order.index(Period(row.period))):
            budget = limit_of(limit)
            budget = replace(budget, start=start_of(budget.period, now))
            row = rows.get(Key(limit.tenant_id, budget.period, budget.start))
            found.setdefault(limit.tenant_id, []).append(held_of(budget, row) if row else budget)
        return found

    def _write_limit(
        self,
        connection: Connection,
        tenant_id: UUID,
        period: Period,
        amount: Money,
        alerts: Collection[int] | None,
        now: datetime,
    ) -> Row[Any] | None:
        """The row as it was; None: it is a new one."""
        if connection.scalar(select(tenants.c.id).where(tenants.c.id == tenant_id)) is None:
            raise NotFound(f"there is no tenant {tenant_id}")
        values: dict[str, Any] = {"amount": amount, "changed_at": now}
        if alerts is not None:
            values["alerts"] = sorted(alerts)
        mine = (budgets.c.tenant_id == tenant_id, budgets.c.period == period)
        before = connection.execute(select(budgets).where(*mine)).one_or_none()
        if before is not None:
            connection.execute(update(budgets).where(*mine).values(values))
        else:
            values = {"alerts": [], **values}
            connection.execute(insert(budgets).values(tenant_id=tenant_id, period=period, **values))
        return before

    def _write_share(
        self, connection: Connection, key: Key, share: Share, alerted: int | None
    ) -> None:
        values = {"reserved": share.reserved, "spent": share.spent}
        if alerted is not None:
            values["alerted"] = alerted
        place = {"tenant_id": key.tenant, "period": key.period, "starts_on": key.start}
        changed = connection.execute(
            update(budget_periods)
            .where(*(budget_periods.c[name] == value for name, value in place.items()))
            .values(values)
        )
        if not changed.rowcount:
            connection.execute(insert(budget_periods).values(**place, **values))


def _names(connection: Connection) -> dict[UUID, str]:
    return {row.id: row.name for row in connection.execute(select(tenants.c.id, tenants.c.name))}
