"""Batches that have had their time: what their lines had from them, and lines that were rejected.

What a batch came to stays, as with its jobs, and so does its name.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update

from db.among import among
from db.engine import Database
from db.keeping import Due
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


def end_own_times(database: Database, found: Iterable[Due]) -> None:
    """Of batches that are over nothing is left that their own times would remove, unless they have
    gone on again meanwhile.
    """
    over = [
        {"its_id": one.batch_id, "its_end": one.finished_at}
        for one in sorted(found, key=lambda one: str(one.batch_id))
        if one.over and one.batch_id is not None
    ]
    if over:
        with database.write() as connection:
            connection.execute(_END, over)


_END = (
    update(batches)
    .where(batches.c.id == bindparam("its_id"), batches.c.finished_at == bindparam("its_end"))
    .values(keep_due=None)
)
