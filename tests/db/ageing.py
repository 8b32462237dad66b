"""Time that passes for what has ended, for tests: it is moved into the past, since clocks are not."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Column, Table, select, update

from db.batch_removals import MOST, end_own_times, remove_batches
from db.engine import Database
from db.job_removals import JobRemovals
from db.keeping import Due, Keeping
from db.tables import batches, inputs, jobs
from db.upload_backfill import backfill
from db.upload_removals import remove_uploads
from jobs.retention import FOR_EVER, Keeps

CHUNK = 3


def pass_time(database: Database, span: timedelta) -> None:
    """What has ended, and images that nobody needs, have done so for that much longer."""
    moved: tuple[tuple[Table, Column[datetime]], ...] = (
        (jobs, jobs.c.finished_at),
        (inputs, inputs.c.unused_since),
        (batches, batches.c.finished_at),
        (batches, batches.c.keep_due),
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
    dealt_with = list[int]()
    # Twice: an image whose last job has gone is due in the next turn.
    keeping = Keeping(database, usual)
    for due in (one for _ in range(2) for one in keeping.due()):
        for most, take in _verbs(database, due):
            dealt_with.append(take())
            while dealt_with[-1] == most:
                dealt_with.append(take())
        end_own_times(database, [due])
    return dealt_with


def _verbs(database: Database, due: Due) -> Iterator[tuple[int, Callable[[], int]]]:
    """What removes what is due, each with how many it deals with at once."""
    removals, whose = JobRemovals(database), due.tenant_id
    if (images := due.images) is not None:
        yield CHUNK, lambda: removals.remove_images(whose, images, CHUNK, due.batch_id)
    if (data := due.jobs) is not None:
        yield CHUNK, lambda: removals.remove_data(whose, data, CHUNK, due.batch_id)
    if (done := due.batches) is not None:
        yield MOST, lambda: remove_batches(database, whose, done, due.batch_id)
    if (uploads := due.uploads) is not None:
        yield CHUNK, lambda: remove_uploads(database, whose, uploads, CHUNK)[0]
