"""Jobs put straight into SQL, as many as wanted: one through the store, the rest copies of its row.

So a column that is added later has its right value here too.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, literal_column, select, text, update

from benchmarks.complaint import ComplaintError
from db.engine import Database
from db.jobs import JobStore
from db.rows import NewJob
from db.tables import jobs
from db.tenants import DEFAULT_TENANT, TenantStore
from jobs import catalog
from jobs.account_pauses import PauseReason
from jobs.catalog.inputs import check
from jobs.states import FINAL
from jobs.wire import DEFAULT_POOL

POOL = DEFAULT_POOL
MODEL = "ssd-canny"
INPUT = {"image": "https://example.org/a.png", "prompt": "a fox in the snow"}

# A UUIDv7 of the moment and chance, so that ids ascend as those of submits do.
_NEW_ID: dict[str, ColumnElement[Any]] = {
    "postgresql": literal_column(
        "encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing substring(int8send("
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), "
        "52, 1), 53, 1), 'hex')::uuid"
    ),
    "sqlite": literal_column(
        "lower(printf('%012x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) || '7' "
        "|| substr(hex(randomblob(2)), 2) || '8' || substr(hex(randomblob(8)), 2))"
    ),
}
_NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(1, {count}) AS n",
    "sqlite": "WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {count}) "
    "SELECT n FROM up",
}


def new_job(tenant: UUID, model: str = MODEL) -> NewJob:
    """A job as the gateway would have checked it."""
    found = catalog.model(model)
    given = {name: value for name, value in INPUT.items() if name in found.parameters}
    checked = check(found, given)
    return NewJob(tenant, POOL, model, checked, found.price(checked))


def add(
    database: Database,
    count: int,
    *,
    model: str = MODEL,
    held_for: PauseReason | None = None,
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Queue so many jobs of a tenant, which is made when it is new."""
    if not count:
        return
    owner = TenantStore(database).ensure(tenant)
    first = JobStore(database).add(new_job(owner, model)).id
    dialect = database.engine.dialect.name
    columns: list[Any] = [column for column in jobs.columns if column.name != "id"]
    with database.write() as connection:
        if held_for is not None:
            connection.execute(update(jobs).where(jobs.c.id == first).values(held_for=held_for))
        if count > 1:
            numbers = text(_NUMBERS[dialect].format(count=count - 1)).columns().subquery("numbers")
            copies = (
                select(_NEW_ID[dialect], *columns).select_from(jobs).join(numbers, literal(True))
            )
            connection.execute(
                jobs.insert().from_select(
                    ["id", *(column.name for column in columns)], copies.where(jobs.c.id == first)
                )
            )


def unfinished(database: Database) -> int:
    """How many jobs are not final."""
    with database.read() as connection:
        open_ = select(func.count()).select_from(jobs).where(jobs.c.state.not_in(FINAL))
        return connection.scalar(open_) or 0


def by_state(database: Database) -> dict[str, int]:
    """How many jobs there are in each state."""
    with database.read() as connection:
        rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
        return {str(state): int(count) for state, count in rows}


def check_all_succeeded(database: Database, count: int, calls: int) -> None:
    """Raises `ComplaintError` unless so many jobs succeeded by a call each: failures are fast too."""
    states = by_state(database)
    if states != {"succeeded": count} or calls != count:
        raise ComplaintError(f"{count} jobs became {states}, by {calls} calls")


def last_finished(database: Database) -> float:
    """When the last job became final, as seconds of the clock that all processes here share."""
    with database.read() as connection:
        found = connection.scalar(select(func.max(jobs.c.finished_at)))
    if found is None:
        raise LookupError("no job has finished")
    return float(found.timestamp())
