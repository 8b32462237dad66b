"""Every look at the order goes through its own index, whatever the planner last counted."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import event, insert, text

from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from db.ids import new_id
from db.jobs import JobStore
from db.runs import RunStore
from db.tables import jobs
from jobs.account_pauses import Pause, PauseReason
from tests.db.conftest import PRICE, claim_one

LOOK = re.compile(r"\b(?:Scan|SEARCH|SCAN)\b.*\bjobs\b.*")


def _looks(database: Database, statements: list[tuple[str, Any]]) -> list[str]:
    """How each of the statements would look into `jobs`, as the database tells it."""
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    found = []
    with database.read() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(explain + statement, parameters)
            lines = [str(row[-1]) for row in plan]
            found += [line.strip() for line in lines if LOOK.search(line)]
    return found


def test_no_other_index_is_taken_though_nearly_all_jobs_are_queued(
    database: Database,
    account: Account,
    account_store: AccountStore,
    job_store: JobStore,
    runs: RunStore,
    tenant: UUID,
) -> None:
    """Then each index that begins alike looks as good, until the first thousands have ended."""
    row = {
        "tenant_id": tenant, "pool": "segmind", "model": "ssd-canny", "input": {"samples": 1},
        "state": "queued", "priority": 1, "group_name": "", "tags": [], "metadata": {},
        "max_attempts": 3, "estimate": PRICE, "created_at": datetime.now(UTC),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(jobs), [{**row, "id": new_id()} for _ in range(20_000)])
    with database.read() as connection:
        connection.execute(text("ANALYZE"))
    other = Pause(PauseReason.FORBIDDEN, None, "another-model", "not in your plan")
    account_store.pause(account.id, other)
    seen: list[tuple[str, Any]] = []

    def see(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and "jobs" in statement:
            seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", see)
    try:
        assert runs.next_price("segmind", account.id) == PRICE
        assert claim_one(runs, account.id)
        assert job_store.waiting("segmind", 100) == 100
    finally:
        event.remove(database.engine, "before_cursor_execute", see)
    looks = _looks(database, seen)
    assert len(looks) >= 7
    assert [look for look in looks if "ix_jobs_order" not in look] == []
