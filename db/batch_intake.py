"""Takes lines into a batch: each once, whoever sends it how often."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, func, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from db.among import among
from db.batch_counts import counts_of, note_added
from db.batch_rows import Batch, Line, Rejection, Taken, line_key
from db.batches import locked
from db.budget_books import Books
from db.budget_gate import pass_at
from db.bulk_insert import insert_many
from db.engine import Database
from db.job_tags import tag
from db.job_uploads import HeldUploads, refer, refusal_of
from db.new_jobs import let_in, row_of_new
from db.queue_room import QueueRoom
from db.rows import Job
from db.tables import batch_lines, batch_rejections, batches, jobs
from jobs.batches import MOST_JOBS, BatchState
from jobs.budgets import Period
from jobs.errors import BatchBudgetExceeded, FieldProblem, IllegalMove, Refusal
from jobs.money import Money

MOST_REJECTIONS = 10_000
"""Of one batch are kept; those of an upload are told in its answer, too."""
_OTHER = FieldProblem(
    "custom_id", "stands for another line of this batch: each line needs its own, and keeps it"
)


class BatchIntake:
    """Written once for a database: to build statements anew takes longer than to run them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._books = Books(database)
        self._room = QueueRoom(database)
        self._uploads = HeldUploads(database)
        self._there = select(batch_lines.c.key, batch_lines.c.digest).where(
            among(database, batch_lines.c.key, "keys")
        )
        self._make_good = delete(batch_rejections).where(
            batch_rejections.c.batch_id == bindparam("batch"),
            among(database, batch_rejections.c.custom_id, "names"),
        )

    def take(
        self,
        tenant_id: UUID,
        batch_id: UUID,
        lines: Sequence[Line],
        rejections: Sequence[Rejection] = (),
        *,
        strict: bool = False,
    ) -> Taken:
        """Keep these lines as jobs, in their order and in one commit, and why others are rejected.

        A line that is there already is left as it is; one whose name stands for another is
        rejected. Where the tenant's queue or a budget has no room, that line and all after it are
        left out. `strict`: then nothing at all is kept. Raises `NotFound`, and `IllegalMove` for a
        new line of a batch that takes no more.
        """
        try:
            return self._take(tenant_id, batch_id, lines, rejections, strict)
        except _NotAllError as error:
            return error.taken

    def _take(
        self,
        tenant_id: UUID,
        batch_id: UUID,
        lines: Sequence[Line],
        rejections: Sequence[Rejection],
        strict: bool,
    ) -> Taken:
        with self._database.write(savepoint=False) as connection:
            batch = locked(connection, tenant_id, batch_id)
            now = pass_at(self._database, connection)
            if batch.data_removed_at is not None:
                # Nor can what was sent before be known: it was filled in from what is gone.
                raise IllegalMove(
                    "the batch's data has been removed: open another one", batch.state
                )
            new, known, rejected = self._sorted_out(connection, batch, lines, rejections)
            if batch.state is not BatchState.OPEN:
                if new:
                    raise IllegalMove(f"the batch is {batch.state}: it takes no more", batch.state)
                # What was sent before may be sent again, whenever its answer was lost.
                return Taken(0, known, tuple(rejected))
            new, lacking = self._with_images(connection, new)
            rejected += lacking
            added, stopped = self._let_in(connection, batch, new, now)
            if strict and (rejected or stopped):
                raise _NotAllError(Taken(0, 0, tuple(rejected), stopped))
            self._add(connection, batch, added)
            self._note(connection, batch, rejected, added, now)
        return Taken(len(added), known, tuple(rejected), stopped)

    def _sorted_out(
        self,
        connection: Connection,
        batch: Batch,
        lines: Sequence[Line],
        rejections: Sequence[Rejection],
    ) -> tuple[list[Line], int, list[Rejection]]:
        """Those that are new, how many are there already, and those that cannot be taken: for what is
        wrong with them, or because their names are another's.
        """
        named = [line.custom_id for line in lines]
        named += [one.custom_id for one in rejections if one.digest is not None]
        there = self._digests(connection, batch, named)
        new: list[Line] = []
        known, others = 0, []
        for one in rejections:
            if one.digest is not None and there.get(one.custom_id) == one.digest:
                known += 1
            else:
                others.append(one)
        for line in lines:
            digest = there.get(line.custom_id)
            if digest is None:
                there[line.custom_id] = line.digest
                new.append(_following(line, batch))
            elif digest == line.digest:
                known += 1
            else:
                others.append(Rejection(line.number, line.custom_id, (_OTHER,)))
        return new, known, others

    def _with_images(
        self, connection: Connection, new: Sequence[Line]
    ) -> tuple[list[Line], list[Rejection]]:
        """Those whose uploaded images stay for them, and those of which one is not kept any more."""
        gone = self._uploads.hold(connection, [line.new for line in new])
        there: list[Line] = []
        lacking: list[Rejection] = []
        for line in new:
            refusal = refusal_of(line.new, gone) if gone else None
            if refusal is None:
                there.append(line)
            else:
                lacking.append(Rejection(line.number, line.custom_id, tuple(refusal.problems)))
        return there, lacking

    def _digests(
        self, connection: Connection, batch: Batch, names: Sequence[str]
    ) -> dict[str, bytes]:
        """Of those names that are lines of the batch."""
        if not names:
            return {}
        if not self._database.is_sqlite:
            # While the table is small its whole is read faster, and that plan would be kept while it
            # grows by a hundred thousand lines.
            connection.execute(_BY_INDEX)
        keys = {line_key(batch.id, name): name for name in names}
        rows = connection.execute(self._there, {"keys": list(keys)})
        return {keys[bytes(row.key)]: bytes(row.digest) for row in rows}

    def _let_in(
        self, connection: Connection, batch: Batch, new: Sequence[Line], now: datetime
    ) -> tuple[list[tuple[Line, Job]], tuple[int, Refusal] | None]:
        """The first of them, for as long as there are room and money."""
        if not new:
            return [], None
        fitting, short = self._within_bounds(connection, batch, new)
        wanted = {batch.tenant_id: len(fitting)}
        # Queues before budgets, as everywhere (docs/architecture.md).
        rooms = self._room.open(connection, wanted, now)
        books = self._books.open(connection, now, wanted, (Period.TOTAL,))
        added: list[tuple[Line, Job]] = []
        for line, job in zip(
            fitting, let_in([one.new for one in fitting], rooms, books, now, ()), strict=True
        ):
            if not isinstance(job, Job):
                short = (line.number, job)
                break
            added.append((line, job))
        self._room.write(connection, rooms)
        books.write(connection)
        return added, short

    def _within_bounds(
        self, connection: Connection, batch: Batch, new: Sequence[Line]
    ) -> tuple[Sequence[Line], tuple[int, Refusal] | None]:
        """Those that the batch's own budget covers: its lock keeps others from reserving."""
        if batch.jobs + len(new) > MOST_JOBS:
            raise IllegalMove(
                f"a batch may have {MOST_JOBS:,} jobs, and has {batch.jobs:,}: begin another one",
                batch.state,
            )
        if batch.budget is None:
            return new, None
        committed = counts_of(connection, batch.id).committed
        for n, line in enumerate(new):
            more = Money(committed + line.new.estimate)
            if more > batch.budget:
                why = BatchBudgetExceeded(batch.budget, committed, line.new.estimate)
                return new[:n], (line.number, why)
            committed = more
        return new, None

    def _add(self, connection: Connection, batch: Batch, added: Sequence[tuple[Line, Job]]) -> None:
        if not added:
            return
        insert_many(connection, jobs, [row_of_new(job) for _, job in added])
        insert_many(
            connection,
            batch_lines,
            [
                {
                    "key": line_key(batch.id, line.custom_id),
                    "batch_id": batch.id,
                    "position": position,
                    "job_id": job.id,
                    "digest": line.digest,
                }
                for position, (line, job) in enumerate(added, batch.jobs)
            ],
        )
        tag(connection, [job for _, job in added])
        note_added(connection, (job for _, job in added))
        refer(connection, [job for _, job in added])
        connection.execute(_MORE, {"batch": batch.id, "more": len(added)})

    def _note(
        self,
        connection: Connection,
        batch: Batch,
        rejected: Sequence[Rejection],
        added: Sequence[tuple[Line, Job]],
        now: datetime,
    ) -> None:
        """Keep why lines were rejected, until a line of that name is accepted."""
        some = connection.scalar(_SOME, {"batch": batch.id})
        if some and added:
            names = [line.custom_id for line, _ in added]
            connection.execute(self._make_good, {"batch": batch.id, "names": names})
        if not rejected or self._rejections(connection, batch.id) >= MOST_REJECTIONS:
            return
        insert_ = sqlite.insert if self._database.is_sqlite else postgresql.insert
        new = insert_(batch_rejections)
        # Sent again, it may be wrong in another way.
        again = {name: new.excluded[name] for name in ("errors", "created_at")}
        key = list(batch_rejections.primary_key)
        rows = [_row_of(batch.id, one, now) for one in rejected]
        connection.execute(new.on_conflict_do_update(index_elements=key, set_=again), rows)

    def _rejections(self, connection: Connection, batch_id: UUID) -> int:
        return connection.scalar(_HOW_MANY, {"batch": batch_id}) or 0


def _following(line: Line, batch: Batch) -> Line:
    """The line with its batch's priority, which may have changed since the upload began."""
    if not line.follows or line.new.priority is batch.priority:
        return line
    return replace(line, new=replace(line.new, priority=batch.priority))


class _NotAllError(Exception):
    """Rolls the transaction back."""

    def __init__(self, taken: Taken) -> None:
        super().__init__()
        self.taken = taken


def _row_of(batch_id: UUID, rejection: Rejection, now: datetime) -> Mapping[str, object]:
    return {
        "batch_id": batch_id,
        "line": rejection.number,
        "custom_id": rejection.custom_id,
        "errors": [
            {"field": one.field, "message": one.message, "got": one.got} for one in rejection.errors
        ],
        "created_at": now,
    }


_BY_INDEX = select(func.set_config("enable_seqscan", "off", true()))
_OF_BATCH = batch_rejections.c.batch_id == bindparam("batch")
_SOME = select(batch_rejections.c.line).where(_OF_BATCH).limit(1)
_HOW_MANY = select(func.count()).select_from(
    select(batch_rejections.c.line).where(_OF_BATCH).limit(MOST_REJECTIONS).subquery()
)
_MORE = (
    update(batches)
    .where(batches.c.id == bindparam("batch"))
    .values(jobs=batches.c.jobs + bindparam("more"))
)
