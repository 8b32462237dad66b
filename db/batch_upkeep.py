"""What is done for batches from time to time: counts added up, ends noted, failures stopped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select, update

from db.batch_counts import add_up, counts_of_many
from db.batch_rows import Batch, batch_of
from db.batches import finish, is_over
from db.engine import Database
from db.hand_pauses import HandPauses, Who
from db.tables import batches
from jobs.batches import Counts
from jobs.states import State

STOPPER = Who("stop_after_n", is_admin=False)
"""Who pauses a batch of which too many jobs have failed; its owner lets it go on."""
_NONE = Counts({})


@dataclass(frozen=True)
class Tended:
    """What a turn came to. `stopped`: batches that pause now, each with how many jobs have failed."""

    notes: bool
    finished: list[UUID]
    stopped: list[tuple[UUID, int]]


class BatchUpkeep:
    """Two turns at once are harmless: each batch's row is locked while something is noted of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pauses = HandPauses(database)

    def tend(self, limit: int, also: Sequence[UUID] = ()) -> Tended:
        """Add up to `limit` notes up, and see to the batches that they are of, and to others."""
        with self._database.write() as connection:
            touched = add_up(connection, limit)
        finished: list[UUID] = []
        stopped: list[tuple[UUID, int]] = []
        for batch, counts in self._going_on({*touched, *also}):
            if is_over(batch, counts) and self._finish(batch.id):
                finished.append(batch.id)
            elif not _may_fail_on(batch, counts) and (failed := self._note_failed(batch.id)):
                stopped.append((batch.id, failed))
        return Tended(bool(touched), finished, stopped)

    def _going_on(self, ids: Collection[UUID]) -> list[tuple[Batch, Counts]]:
        if not ids:
            return []
        mine = select(batches).where(batches.c.id.in_(ids), batches.c.finished_at.is_(None))
        with self._database.read() as connection:
            found = [batch_of(row) for row in connection.execute(mine.order_by(batches.c.id))]
            counts = counts_of_many(connection, [one.id for one in found])
        return [(one, counts.get(one.id, _NONE)) for one in found]

    def _finish(self, batch_id: UUID) -> bool:
        """Looked at once more under the lock: a line may have come, or a retry."""
        with self._database.write() as connection:
            batch = self._locked(connection, batch_id)
            if batch is None:
                return False
            return finish(self._database, connection, batch).finished_at is not None

    def _note_failed(self, batch_id: UUID) -> int | None:
        """How many have failed, where it stops for that. Counted once more under the lock."""
        with self._database.write() as connection:
            batch = self._locked(connection, batch_id)
            if batch is None:
                return None
            counts = counts_of_many(connection, [batch_id]).get(batch_id, _NONE)
            if _may_fail_on(batch, counts):
                return None
            failed = counts.of(State.FAILED).jobs
            stops = failed > batch.failed_before
            if stops:
                note = f"{failed} of its jobs have failed: resume it to go on"
                pause = self._pauses.pause(batch.tenant_id, batch.group, STOPPER, note)
                if pause.by != STOPPER.name:
                    return None  # It stops when whoever pauses it has let it go on.
            # From here on as many more may fail.
            connection.execute(
                update(batches).where(batches.c.id == batch_id).values(failed_before=failed)
            )
            return failed if stops else None

    def _locked(self, connection: Connection, batch_id: UUID) -> Batch | None:
        row = connection.execute(
            select(batches)
            .where(batches.c.id == batch_id, batches.c.finished_at.is_(None))
            # Waiting for whoever has it, who comes out soon: its note is gone, and nobody looks again.
            .with_for_update()
        ).one_or_none()
        return None if row is None else batch_of(row)


def _may_fail_on(batch: Batch, counts: Counts) -> bool:
    """Whether nothing is to be noted of how many have failed: fewer than stop it, beside those that
    had before; and no fewer than had, or those that were put back could fail twice as often.
    """
    if batch.stop_after is None:
        return True
    return 0 <= counts.of(State.FAILED).jobs - batch.failed_before < batch.stop_after
