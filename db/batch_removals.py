"""Batches that have had their time: what their lines had from them, and lines that were rejected.

What a batch came to stays, as with its jobs, and so does its name.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from db.among import among
from db.engine import Database
from db.tables import batch_rejections, batches

MOST = 10
"""Batches in one commit; each may have some thousands of rejected lines."""


def remove_batches(
    database: Database, tenant_id: UUID, finished_by: datetime, batch_id: UUID | None = None
) -> int:
    """Remove defaults, metadata and rejected lines of up to `MOST` batches of the tenant that were
    finished by then, or of one of them; how many it were.

    One that goes on is not finished, and never among them. Rows that others have locked are stepped
    over.
    """
    with database.write() as connection:
        found = (
            select(batches.c.id)
            .where(
                batches.c.tenant_id == tenant_id,
                batches.c.finished_at <= finished_by,
                batches.c.data_removed_at.is_(None),
            )
            .order_by(batches.c.finished_at)
            .limit(MOST)
            .with_for_update(skip_locked=True)
        )
        if batch_id is not None:
            found = found.where(batches.c.id == batch_id)
        ids = {"ids": list(connection.scalars(found))}
        if ids["ids"]:
            connection.execute(
                update(batches)
                .where(among(database, batches.c.id, "ids"))
                .values(defaults={}, metadata={}, data_removed_at=database.time(connection)),
                ids,
            )
            connection.execute(
                delete(batch_rejections).where(among(database, batch_rejections.c.batch_id, "ids")),
                ids,
            )
    return len(ids["ids"])


def end_own_times(database: Database, batch_id: UUID) -> None:
    """Nothing is left that its own times would remove; unless it goes on again meanwhile."""
    with database.write() as connection:
        connection.execute(
            update(batches)
            .where(batches.c.id == batch_id, batches.c.finished_at.is_not(None))
            .values(kept_short=False)
        )
