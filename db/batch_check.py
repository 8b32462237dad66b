"""Whether the counts of batches are what their jobs say."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from db.batch_counts import counts_of_many
from db.engine import Database
from db.tables import jobs
from jobs.batches import NONE, Count, Place, place_of
from jobs.states import State


@dataclass(frozen=True)
class BatchDrift:
    """A batch whose counts (`kept`) are not those of its jobs (`counted`)."""

    batch_id: UUID
    kept: Mapping[Place, Count]
    counted: Mapping[Place, Count]


def batch_drift(database: Database) -> list[BatchDrift]:
    """Count every batch anew from its rows. While jobs are moved it may see what is not so."""
    with database.read() as connection:
        rows = connection.execute(
            select(jobs.c.batch_id, jobs.c.state, jobs.c.error, jobs.c.cost, jobs.c.estimate).where(
                jobs.c.batch_id.is_not(None)
            )
        )
        counted: dict[UUID, dict[Place, Count]] = {}
        for row in rows:
            mine = counted.setdefault(row.batch_id, {})
            place = place_of(State(row.state), row.error)
            mine[place] = mine.get(place, NONE) + Count(1, row.cost, row.estimate)
        kept = counts_of_many(connection, counted)
    return [
        BatchDrift(batch_id, kept[batch_id].by_place if batch_id in kept else {}, found)
        for batch_id, found in counted.items()
        if batch_id not in kept or dict(kept[batch_id].by_place) != found
    ]
