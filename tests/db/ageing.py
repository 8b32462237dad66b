"""Time that passes for what has ended, for tests: it is moved into the past, since clocks are not."""

from datetime import datetime, timedelta

from sqlalchemy import Column, Table, select, update

from db.engine import Database
from db.job_removals import JobRemovals
from db.keeping import Keeping
from db.tables import inputs, jobs
from db.upload_backfill import backfill
from db.upload_removals import remove_uploads
from jobs.retention import FOR_EVER, Keeps

CHUNK = 3


def pass_time(database: Database, span: timedelta) -> None:
    """What has ended, and images that nobody needs, have done so for that much longer."""
    moved: tuple[tuple[Table, Column[datetime]], ...] = (
        (jobs, jobs.c.finished_at),
        (inputs, inputs.c.unused_since),
    )
    with database.write() as connection:
        for table, moment in moved:
            keys = tuple(table.primary_key)
            for row in connection.execute(select(*keys, moment).where(moment.is_not(None))).all():
                connection.execute(
                    update(table)
                    .where(*(key == getattr(row, key.name) for key in keys))
                    .values({moment: getattr(row, moment.name) - span})
                )


def purge_rows(database: Database, usual: Keeps = FOR_EVER) -> list[int]:
    """All that upkeep would let go now, in small chunks; how many rows each of them dealt with."""
    while not backfill(database, CHUNK):
        pass
    removals, dealt_with = JobRemovals(database), list[int]()
    # Twice: an image whose last job has gone is due in the next turn.
    keeping = Keeping(database, usual)
    for due in (one for _ in range(2) for one in keeping.due()):
        for verb, by in (
            (removals.remove_images, due.images),
            (removals.remove_data, due.jobs),
        ):
            while by is not None:
                dealt_with.append(verb(due.tenant_id, by, CHUNK))
                if dealt_with[-1] < CHUNK:
                    break
        while due.uploads is not None:
            seen, _ = remove_uploads(database, due.tenant_id, due.uploads, CHUNK)
            dealt_with.append(seen)
            if seen < CHUNK:
                break
    return dealt_with
