"""What a look for due data costs: one step for each tenant and kind, however much is kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from db.accounts import AccountStore
from db.engine import Database
from db.ids import new_id
from db.job_removals import JobRemovals
from db.keeping import Keeping
from db.tables import attempts, inputs
from db.tenants import Limits, TenantStore
from db.upload_removals import remove_uploads
from jobs.retention import FOR_EVER
from tests.db.many_jobs import BEGIN, EVERY, add_many
from tests.db.rows_read import rows_read

MANY = 20_000
DAY = timedelta(days=1)


def kept(n: int) -> dict[str, Any]:
    """Of those that have ended a third have all of their data, a third no images, a third nothing."""
    at = BEGIN + n * EVERY
    match n % 4:
        case 0:
            return {"state": "succeeded", "finished_at": at}
        case 1:
            return {"state": "failed", "finished_at": at, "removed": 1}
        case 2:
            gone = {"removed": 2, "data_removed_at": at}
            return {"state": "succeeded", "finished_at": at, **gone}
        case _:
            return {"state": "queued", "finished_at": None}


@pytest.fixture
def full(line: Database) -> Database:
    """Two tenants; one keeps for ever, the other for so long that nothing is due."""
    store = TenantStore(line)
    account = AccountStore(line).ensure("segmind", "default", call_limit=60, window_seconds=60)
    for number, name in enumerate(("one", "two")):
        tenant = store.create(name)
        rows = add_many(line, tenant.id, MANY // 2, kept, seed=number)
        calls = [
            {
                "id": new_id(),
                "job_id": row["id"],
                "number": 1,
                "account_id": account.id,
                "estimate": 1,
                "claimed_at": row["created_at"],
                "lease_until": row["created_at"],
                "finished_at": row["created_at"],
            }
            for row in rows
            if row["finished_at"] is not None
        ]
        images = [
            {
                "tenant_id": tenant.id,
                "sha256": f"{n:064x}",
                "artifact": f"inputs/{number}/{n}",
                "content_type": "image/png",
                **dict.fromkeys(("width", "height", "bytes"), 1),
                "created_at": BEGIN,
                "unused_since": None if n % 2 else BEGIN + n * EVERY,
            }
            for n in range(2_000)
        ]
        with line.write() as connection:
            connection.execute(insert(attempts), calls)
            connection.execute(insert(inputs), images)
    store.set_limits("two", Limits(keep_outputs=_seconds_since(BEGIN - DAY)))
    with line.read() as connection:
        connection.execute(text("ANALYZE"))
    return line


def _seconds_since(moment: datetime) -> int:
    return int((datetime.now(UTC) - moment).total_seconds())


def _cost(database: Database, ask: Callable[[], object]) -> int:
    ask()  # what is read for the first time is read of the schema too
    return rows_read(database, ask)


def test_with_nothing_due_no_job_is_looked_at(full: Database) -> None:
    keeping = Keeping(full, FOR_EVER)
    assert keeping.due() == []
    assert _cost(full, keeping.due) < 100


def test_what_is_let_go_costs_what_it_is_and_not_what_is_kept(full: Database) -> None:
    tenant = TenantStore(full).named("two")
    removals, by = JobRemovals(full), BEGIN + 1_000 * EVERY
    for verb, many in ((removals.remove_images, 10), (removals.remove_data, 10)):
        # Warm, and of others.
        assert verb(tenant.id, by, 5) == 5
        cost = rows_read(full, lambda verb=verb, many=many: verb(tenant.id, by, many))  # type: ignore[misc]  # one at a time
        assert cost < 100 * many, verb
    assert remove_uploads(full, tenant.id, by, 5) == (5, 5)
    cost = rows_read(full, lambda: remove_uploads(full, tenant.id, by, 10))
    assert cost < 1_000
    # Of a tenant of which nothing had ended by then.
    nothing = BEGIN - DAY
    for verb in (removals.remove_images, removals.remove_data):
        assert rows_read(full, lambda verb=verb: verb(tenant.id, nothing, 500)) < 100  # type: ignore[misc]  # as above
