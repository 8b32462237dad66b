"""The rows of a batch put straight into the database: no check of a line, no lock, no HTTP."""

import time
from itertools import islice
from typing import Any
from uuid import UUID

from benchmarks.queued_jobs import new_job
from db.batch_rows import NewBatch, group_of, line_key
from db.batches import BatchStore
from db.bulk_insert import insert_many
from db.engine import Database
from db.ids import new_id
from db.tables import batch_lines, jobs
from db.tenants import DEFAULT_TENANT, TenantStore

_AT_ONCE = 1_000


def bare_insert(database: Database, count: int) -> float:
    """Rows of `jobs` and of `batch_lines` a second, a thousand in a commit; they are ready before."""
    tenant = TenantStore(database).ensure(DEFAULT_TENANT)
    batch = BatchStore(database).add(NewBatch(tenant, "bare", "", {})).id
    with database.read() as connection:
        now = database.time(connection)
    rows = iter([_rows(tenant, batch, n, now) for n in range(count)])
    began = time.perf_counter()
    while some := list(islice(rows, _AT_ONCE)):
        with database.write() as connection:
            insert_many(connection, jobs, [job for job, _ in some])
            insert_many(connection, batch_lines, [line for _, line in some])
    return count / (time.perf_counter() - began)


def _rows(tenant: UUID, batch: UUID, n: int, now: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    new, id_ = new_job(tenant), new_id()
    job = {
        "id": id_,
        "tenant_id": tenant,
        "batch_id": batch,
        "custom_id": f"line {n}",
        "pool": "bare",
        "model": new.model,
        "input": {**new.input, "prompt": f"fox {n}", "seed": n},
        "state": "queued",
        "priority": new.priority.rank,
        "group_name": group_of(batch),
        "tags": [],
        "metadata": {},
        "max_attempts": new.max_attempts,
        "estimate": new.estimate,
        "created_at": now,
    }
    line = {
        "key": line_key(batch, f"line {n}"),
        "batch_id": batch,
        "position": n,
        "job_id": id_,
        "digest": id_.bytes,
    }
    return job, line
