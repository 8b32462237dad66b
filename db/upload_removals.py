"""Uploaded images that no job needs any more and that have had their time."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from db.among import among
from db.engine import Database
from db.removals import Removal, write_down
from db.tables import inputs, job_uploads


def remove_uploads(
    database: Database, tenant_id: UUID, unused_by: datetime, limit: int
) -> tuple[int, int]:
    """Look at up to `limit` images of a tenant that may be unused since then, and let go those that
    are; gives how many were looked at, and how many let go.

    Their rows stay and say so. Images that a submit has locked just now are stepped over, and one
    that takes up its job meanwhile finds the image gone.
    """
    with database.write() as connection:
        now = database.time(connection)
        rows = connection.execute(
            select(inputs)
            .where(inputs.c.tenant_id == tenant_id, inputs.c.unused_since <= unused_by)
            .order_by(inputs.c.unused_since)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not rows:
            return 0, 0
        mine = {"images": [row.sha256 for row in rows]}
        # Only now that no submit can add to them.
        needed = set(
            connection.execute(
                select(job_uploads.c.sha256)
                .where(
                    job_uploads.c.tenant_id == tenant_id,
                    among(database, job_uploads.c.sha256, "images"),
                )
                .distinct(),
                mine,
            ).scalars()
        )
        unused = [row for row in rows if row.sha256 not in needed]
        of_tenant = update(inputs).where(
            inputs.c.tenant_id == tenant_id, among(database, inputs.c.sha256, "images")
        )
        # Looked at again when the last job that needs it lets it go (db/job_uploads.py).
        connection.execute(of_tenant.values(unused_since=None), mine)
        if unused:
            connection.execute(
                of_tenant.values(removed_at=now), {"images": [row.sha256 for row in unused]}
            )
            gone = [Removal(row.artifact, row.bytes) for row in unused]
            write_down(connection, database, gone, now)
        return len(rows), len(unused)
