"""Many jobs at once, straight into the tables, as if they had come one by one over a time."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from db.engine import Database
from db.tables import job_tags, jobs

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
EVERY = timedelta(minutes=1)


def id_of(moment: datetime, chance: random.Random) -> UUID:
    """A UUIDv7 as it would be made at that time."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(
        int=(milliseconds << 80)
        | (7 << 76)
        | (chance.getrandbits(12) << 64)
        | (2 << 62)
        | chance.getrandbits(62)
    )


def add_many(
    database: Database,
    tenant_id: UUID,
    count: int,
    describe: Callable[[int], dict[str, Any]],
    *,
    seed: int = 1,
) -> list[dict[str, Any]]:
    """Jobs, one a minute; `describe` gives the members of the n-th that matter. Oldest first."""
    chance = random.Random(seed)
    rows = []
    for n in range(count):
        at = BEGIN + n * EVERY
        rows.append(
            {
                "id": id_of(at, chance),
                "tenant_id": tenant_id,
                "pool": "segmind",
                "model": "ssd-canny",
                "input": {"prompt": "a"},
                "state": "succeeded",
                "priority": 1,
                "group_name": "",
                "tags": [],
                "metadata": {},
                "max_attempts": 3,
                "estimate": 60_000_000,
                "created_at": at,
                **describe(n),
            }
        )
    with database.write() as connection:
        connection.execute(insert(jobs), rows)
        _tag(database, tenant_id, rows)
    return rows


def _tag(database: Database, tenant_id: UUID, rows: Sequence[dict[str, Any]]) -> None:
    tags = [
        {"job_id": row["id"], "tag": tag, "tenant_id": tenant_id}
        for row in rows
        for tag in row["tags"]
    ]
    if tags:
        with database.write() as connection:
            connection.execute(insert(job_tags), tags)
