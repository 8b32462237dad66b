"""A day that passes, for tests: all that was written is moved into the past, since clocks are not."""

from datetime import timedelta

from sqlalchemy import select, update

from db.engine import Database
from db.tables import attempts, budget_periods
from jobs.budgets import BEGINNING, Period


def begin_a_day_ago(database: Database, days: int = 1) -> None:
    """Calls and the days of budgets (no months) were so many days earlier."""
    with database.write() as connection:
        for row in connection.execute(select(attempts.c.id, attempts.c.claimed_at)).all():
            connection.execute(
                update(attempts)
                .where(attempts.c.id == row.id)
                .values(claimed_at=row.claimed_at - timedelta(days=days))
            )
        rows = connection.execute(
            select(budget_periods).where(budget_periods.c.period == Period.DAY)
        ).all()
        # The earliest first: none may meet the one before it.
        for row in sorted(rows, key=lambda row: row.starts_on):
            assert row.starts_on != BEGINNING
            connection.execute(
                update(budget_periods)
                .where(
                    budget_periods.c.tenant_id == row.tenant_id,
                    budget_periods.c.period == Period.DAY,
                    budget_periods.c.starts_on == row.starts_on,
                )
                .values(starts_on=row.starts_on - timedelta(days=days))
            )
