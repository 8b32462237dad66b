"""What is read of a batch beside its row: its counts, its pace, its pause, and why jobs failed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select, true

from db.batch_counts import counts_of, examples_of
from db.batch_intake import MOST_REJECTIONS
from db.batch_rows import Batch, Rejection, batch_of, group_of
from db.batches import no_batch
from db.engine import Database
from db.hand_pauses import HandPause, hand_pause_of
from db.tables import batch_rejections, batches, jobs, outputs, tenant_groups
from jobs.batches import Counts
from jobs.errors import FieldProblem
from jobs.states import State

_PACE = timedelta(minutes=1)
_MOST_PACED = 20_000
"""Ends of the last minute are counted up to here."""
_PIECE = 200


@dataclass(frozen=True)
class Seen:
    """A batch as it is now. `pace`: images of the last minute. `examples`: of each kind of failure a
    job that ended with it, and its error.
    """

    batch: Batch
    counts: Counts
    rejected: int
    pace: int
    pause: HandPause | None
    examples: dict[str, tuple[UUID, dict[str, Any]]]


class BatchViews:
    """Reads that cost the same whatever a batch holds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def see(self, tenant_id: UUID, batch_id: UUID) -> Seen:
        """Raises `NotFound`, also for another tenant's."""
        with self._database.read() as connection:
            row = connection.execute(
                select(batches).where(batches.c.id == batch_id, batches.c.tenant_id == tenant_id)
            ).one_or_none()
            if row is None:
                raise no_batch(batch_id)
            batch = batch_of(row)
            return Seen(
                batch,
                counts_of(connection, batch_id),
                self._rejected(connection, batch_id),
                self._pace(connection, batch_id),
                self._pause(connection, tenant_id, batch_id),
                self._examples(connection, batch_id),
            )

    def rejections(self, batch_id: UUID) -> Iterator[Sequence[Rejection]]:
        """Every rejected line that is kept, in order, some at a time."""
        after = (-1, "")
        key = (batch_rejections.c.line, batch_rejections.c.custom_id)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(
                    select(batch_rejections)
                    .where(
                        batch_rejections.c.batch_id == batch_id,
                        (key[0] > after[0]) | ((key[0] == after[0]) & (key[1] > after[1])),
                    )
                    .order_by(*key)
                    .limit(_PIECE)
                ).all()
            if not rows:
                return
            yield [_rejection(row) for row in rows]
            after = (rows[-1].line, rows[-1].custom_id)

    def _rejected(self, connection: Connection, batch_id: UUID) -> int:
        some = (
            select(true())
            .where(batch_rejections.c.batch_id == batch_id)
            .limit(2 * MOST_REJECTIONS)
            .subquery()
        )
        return connection.scalar(select(func.count()).select_from(some)) or 0

    def _pace(self, connection: Connection, batch_id: UUID) -> int:
        since = self._database.time(connection) - _PACE
        ended = (
            select(jobs.c.id)
            .where(
                jobs.c.batch_id == batch_id,
                jobs.c.finished_at > since,
                jobs.c.state == State.SUCCEEDED,
            )
            .limit(_MOST_PACED)
            .subquery()
        )
        made = select(func.count()).select_from(ended.join(outputs, outputs.c.job_id == ended.c.id))
        return connection.scalar(made) or 0

    def _pause(self, connection: Connection, tenant_id: UUID, batch_id: UUID) -> HandPause | None:
        row = connection.execute(
            select(tenant_groups).where(
                tenant_groups.c.tenant_id == tenant_id,
                tenant_groups.c.group_name == group_of(batch_id),
            )
        ).one_or_none()
        return None if row is None else hand_pause_of(row)

    def _examples(
        self, connection: Connection, batch_id: UUID
    ) -> dict[str, tuple[UUID, dict[str, Any]]]:
        found = examples_of(connection, batch_id)
        if not found:
            return {}
        rows = connection.execute(
            select(jobs.c.id, jobs.c.error).where(jobs.c.id.in_(found.values()))
        )
        # One that was sent again may have ended otherwise.
        return {row.error["kind"]: (row.id, row.error) for row in rows if row.error}


def _rejection(row: Any) -> Rejection:
    errors = tuple(FieldProblem(**one) for one in row.errors)
    return Rejection(row.line, row.custom_id, errors)
