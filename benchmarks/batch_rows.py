"""Batches put straight into PostgreSQL: their jobs are copies of one that came through the store."""

from uuid import UUID

from sqlalchemy import func, insert, select, text, update

from benchmarks import queued_jobs
from benchmarks.queued_jobs import POOL
from db.batch_rows import NewBatch, group_of
from db.batches import BatchStore
from db.engine import Database
from db.tables import batch_totals, batches, jobs
from db.tenants import DEFAULT_TENANT, TenantStore

_LINES = text(
    # Nobody asks for these lines by their names: any key serves.
    "INSERT INTO batch_lines (key, batch_id, position, job_id, digest) "
    "SELECT uuid_send(id), batch_id, row_number() OVER (ORDER BY id) - 1, id, uuid_send(id) "
    "FROM jobs WHERE batch_id = :batch"
)
_OUTPUTS = text(
    "INSERT INTO outputs (job_id, n, artifact, content_type, width, height, bytes, sha256) "
    "SELECT id, 0, 'outputs/' || id, 'image/jpeg', 1024, 1024, 100000, repeat('ab', 32) "
    "FROM jobs WHERE batch_id = :batch"
)


def grown(database: Database, count: int) -> UUID:
    """A batch of so many queued jobs."""
    batch = _of_queued(database, count)
    _total(database, batch, "queued")
    return batch


def ended(database: Database, count: int) -> UUID:
    """A batch of so many that have succeeded, each with an image."""
    batch = _of_queued(database, count)
    with database.write() as connection:
        now = database.time(connection)
        connection.execute(
            update(jobs)
            .where(jobs.c.batch_id == batch)
            .values(state="succeeded", finished_at=now, cost=jobs.c.estimate)
        )
        connection.execute(_OUTPUTS, {"batch": batch})
    _total(database, batch, "succeeded")
    return batch


def _of_queued(database: Database, count: int) -> UUID:
    queued_jobs.add(database, count)
    tenant = TenantStore(database).ensure(DEFAULT_TENANT)
    batch = BatchStore(database).add(NewBatch(tenant, POOL, "", {"model": queued_jobs.MODEL})).id
    with database.write() as connection:
        connection.execute(
            update(jobs)
            .where(jobs.c.state == "queued")
            .values(
                batch_id=batch,
                group_name=group_of(batch),
                custom_id=func.concat("line ", jobs.c.id),
            )
        )
        connection.execute(_LINES, {"batch": batch})
        connection.execute(update(batches).where(batches.c.id == batch).values(jobs=count))
    with database.read() as connection:
        connection.execute(text("ANALYZE"))
    return batch


def _total(database: Database, batch: UUID, state: str) -> None:
    sums = select(
        jobs.c.batch_id,
        jobs.c.state,
        text("''"),
        func.count(),
        func.sum(jobs.c.cost),
        func.sum(jobs.c.estimate),
    )
    counted = sums.where(jobs.c.batch_id == batch, jobs.c.state == state)
    with database.write() as connection:
        connection.execute(
            insert(batch_totals).from_select(
                ["batch_id", "state", "kind", "jobs", "cost", "estimate"],
                counted.group_by(jobs.c.batch_id, jobs.c.state),
            )
        )
