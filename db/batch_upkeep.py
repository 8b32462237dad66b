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
        """Add up to `limit` notes up, and see to the batches that they are of, and to others.

        In one commit: the note of a last job is gone when the batch's end is noted, and not before.
        """
        finished: list[UUID] = []
        stopped: list[tuple[UUID, int]] = []
        with self._database.write() as connection:
            touched = add_up(connection, limit)
            ids = [one.id for one, _ in self._some(connection, {*touched, *also})]
            # Once more under their locks, all taken first and in one order: a line may have come, or
            # a retry. Tenants, whom a stop locks, are locked in their order, too.
            some = self._some(connection, ids, lock=True)
            for batch, counts in sorted(some, key=lambda one: one[0].tenant_id):
                if is_over(batch, counts):
                    finish(self._database, connection, batch)
                    finished.append(batch.id)
                elif failed := self._note_failed(connection, batch, counts):
                    stopped.append((batch.id, failed))
        return Tended(bool(touched), finished, stopped)

    def _some(
        self, connection: Connection, ids: Collection[UUID], *, lock: bool = False
    ) -> list[tuple[Batch, Counts]]:
        """Those of which something may be to be noted: also one that is open and has nothing to do,
        which somebody may be closing at this moment, who has counted before its last job ended.
        """
        if not ids:
            return []
        mine = select(batches).where(batches.c.id.in_(ids), batches.c.finished_at.is_(None))
        mine = mine.order_by(batches.c.id)
        if lock:
            # Waiting for whoever has one, who comes out soon.
            mine = mine.with_for_update()
        found = [batch_of(row) for row in connection.execute(mine)]
        counts = counts_of_many(connection, [one.id for one in found])
        each = [(one, counts.get(one.id, _NONE)) for one in found]
        return [
            (one, its) for one, its in each if not its.to_come.jobs or not _may_fail_on(one, its)
        ]

    def _note_failed(self, connection: Connection, batch: Batch, counts: Counts) -> int | None:
        """How many have failed, where it stops for that."""
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
            update(batches).where(batches.c.id == batch.id).values(failed_before=failed)
        )
        return failed if stops else None


def _may_fail_on(batch: Batch, counts: Counts) -> bool:
    """Whether nothing is to be noted of how many have failed: fewer than stop it, beside those that
    had before; and no fewer than had, or those that were put back could fail twice as often.
    """
    if batch.stop_after is None:
        return True
    return 0 <= counts.of(State.FAILED).jobs - batch.failed_before < batch.stop_after
