"""What budgets hold by the rows of jobs and calls, counted anew: a second source for every sum."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from db.budget_books import Key
from db.engine import Database
from db.tables import accounts, attempts, budget_periods, jobs
from jobs.budgets import BEGINNING, NOTHING, UNCOVERED, Period, Share
from jobs.states import WAITING

_JOBS, _CALLS = "jobs", "calls"


def counted(
    connection: Connection,
    database: Database,
    tenant: UUID,
    *,
    anew: bool = True,
    since: date = BEGINNING,
) -> tuple[dict[Key, Share], dict[Key, Share]]:
    """What the tenant's budgets say, and what its jobs and calls say of the same periods and others.

    In one statement, so that no commit comes in between. Without `anew` the second is left out: it
    reads every job that waits and every call, or those that were claimed `since` then.
    """
    kept: dict[Key, Share] = {}
    found: defaultdict[Key, Share] = defaultdict(lambda: NOTHING)
    for row in connection.execute(_everything(database, tenant, anew=anew, since=since)):
        share = Share(int(row.reserved), int(row.spent))
        if row.what in (_JOBS, _CALLS):
            for key in _keys(row):
                found[key] += share
        else:
            start = date.fromisoformat(row.day)
            kept[Key(row.tenant_id, Period(row.what), start)] = share
    return kept, found


def _keys(row: Any) -> list[Key]:
    total = Key(row.tenant_id, Period.TOTAL, BEGINNING)
    if row.what == _JOBS:
        return [total]
    day = date.fromisoformat(row.day)
    return [
        total,
        Key(row.tenant_id, Period.DAY, day),
        Key(row.tenant_id, Period.MONTH, day.replace(day=1)),
    ]


def drift(kept: Mapping[Key, Share], found: Mapping[Key, Share]) -> dict[Key, Share]:
    """Of the periods in `kept` those of which jobs and calls say something else, and what."""
    return {
        key: found.get(key, NOTHING)
        for key, share in sorted(kept.items())
        if found.get(key, NOTHING) != share
    }


def _everything(database: Database, tenant: UUID, *, anew: bool, since: date) -> Select[Any]:
    day = _day(database)
    waits = jobs.c.state.in_(sorted(WAITING)) & (func.coalesce(jobs.c.held_for, "") != UNCOVERED)
    of_jobs = (
        select(
            literal(_JOBS).label("what"),
            jobs.c.tenant_id,
            cast(null(), String).label("day"),
            func.sum(jobs.c.estimate).label("reserved"),
            cast(literal(0), BigInteger).label("spent"),
        )
        .where(jobs.c.tenant_id == tenant, waits)
        .group_by(jobs.c.tenant_id)
    )
    is_open = attempts.c.finished_at.is_(None)
    of_calls = (
        select(
            literal(_CALLS),
            jobs.c.tenant_id,
            day,
            func.sum(case((is_open, attempts.c.estimate), else_=0)),
            func.sum(case((is_open, 0), else_=func.coalesce(attempts.c.cost, 0))),
        )
        .join_from(attempts, jobs, jobs.c.id == attempts.c.job_id)
        .where(jobs.c.tenant_id == tenant)
        .group_by(jobs.c.tenant_id, day)
    )
    if since > BEGINNING:
        # With every account there is, so that the index of claims serves.
        of_calls = of_calls.where(
            attempts.c.account_id.in_(select(accounts.c.id)),
            attempts.c.claimed_at >= datetime.combine(since, time(), UTC),
        )
    rows = select(
        budget_periods.c.period.label("what"),
        budget_periods.c.tenant_id,
        cast(budget_periods.c.starts_on, String).label("day"),
        budget_periods.c.reserved,
        budget_periods.c.spent,
    ).where(budget_periods.c.tenant_id == tenant)
    sources = union_all(of_jobs, of_calls, rows) if anew else rows
    return select(sources.subquery())


def _day(database: Database) -> ColumnElement[str]:
    """The day (UTC) in which an attempt was claimed, as `2026-01-31`."""
    claimed = attempts.c.claimed_at
    if database.is_sqlite:
        # Kept as text that begins with the day.
        return func.substr(cast(claimed, String), 1, 10)
    return func.to_char(func.timezone("UTC", claimed), "YYYY-MM-DD")
