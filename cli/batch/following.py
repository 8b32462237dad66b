"""Follows batches from their first line to their last image."""

import time
from collections.abc import Callable, Sequence
from itertools import islice

from cli.batch.outage import Outage
from cli.batch.records import Record, Records
from cli.batch.saving import FullDiskError, Saver
from cli.batch.sending import Sender
from segq_client import Batch, BatchResult, Client, SegqError
from segq_client.standstill import Standstill

_LOOK_SECONDS = 1.0
_PAGE = 500


class Course:
    """One batch on its way. `batch` is as it was last read."""

    def __init__(
        self,
        client: Client,
        records: Records,
        record: Record,
        sender: Sender | None,
        saver: Saver,
    ) -> None:
        """`sender` None: there is nothing left to send."""
        self._client = client
        self._records = records
        self._saver = saver
        self._positions = records.positions(record)
        self._superseded = records.superseded(record)
        self._looked_at = 0.0
        self.record = record
        self.sender = sender
        self.batch: Batch | None = None
        self.is_over = False
        self.was_over = False
        """All of it was here before anything was done."""
        self.full: FullDiskError | None = None
        """Nothing is saved any more."""
        self._standstill = Standstill()
        self.stands_still: str | None = None
        """Why nothing of it will ever move again unless somebody resumes it, or ends its doubts."""

    @property
    def taken(self) -> int:
        """How many lines it has: a full queue takes some of those that are sent at once."""
        return max(self.record.sent, 0 if self.batch is None else self.batch.jobs)

    def step(self) -> bool:
        """Go on; whether something has moved. Raises the client's errors and OSError."""
        moved = False
        if self.sender is not None and self.sender.is_due:
            self.sender.step()
            moved = not self.sender.waits
        batch_id = self.record.id
        if batch_id is None:
            return moved
        moved |= self._take_page(batch_id)
        if time.monotonic() - self._looked_at >= _LOOK_SECONDS:
            self._look(batch_id)
        return moved

    def _take_page(self, batch_id: str) -> bool:
        if self.full is not None:
            return False
        page = self._client.batches.ended(batch_id, self.record.cursor, _PAGE)
        self._take(batch_id, page.results)
        if page.results and self.full is None:
            self.record.cursor = page.next_cursor or self.record.cursor
            self._records.note()
        return bool(page.results)

    def _look(self, batch_id: str) -> None:
        self.batch = self._client.batches.get(batch_id)
        self.stands_still = self._standstill.seen(self.batch)
        self._looked_at = time.monotonic()
        if not self.batch.is_over or (self.sender is not None and not self.sender.is_over):
            return
        self.take_all()
        if self.full is None:
            self.record.ended = _counted(self.batch)
            self._records.note()
        self.is_over = True

    def take_all(self) -> None:
        """Everything that has ended, once more in the order of the lines.

        The order of ends leaves out those of the last moment, and a clock that was set shuffles it.
        """
        if self.record.id is None:
            return
        results = self._client.batches.results(self.record.id)
        while self.full is None and (some := list(islice(results, _PAGE))):
            self._take(self.record.id, some)

    def _take(self, batch_id: str, results: Sequence[BatchResult]) -> None:
        try:
            self._saver.take(batch_id, results, self._positions, self._superseded)
        except FullDiskError as error:
            self.full = error


def follow(courses: Sequence[Course], told: Callable[[], None]) -> None:
    """Until all are over, or those that are not stand still. `told` is called after each round.

    Raises the client's errors that do not pass, and OSError.
    """
    outage = Outage()
    while True:
        moved = has_ended = False
        try:
            for one in courses:
                if not one.is_over:
                    moved |= one.step()
            has_ended = _take_rest(courses)
        except SegqError as error:
            outage.wait(error)
        told()
        if has_ended:
            return
        if not moved:
            time.sleep(_LOOK_SECONDS / 2)


def _take_rest(courses: Sequence[Course]) -> bool:
    """Whether nothing will move any more; then what stands still has given what there is of it."""
    if not all(one.is_over or one.stands_still for one in courses):
        return False
    for one in courses:
        if not one.is_over:
            one.take_all()
    return True


def is_done(record: Record, batch: Batch) -> bool:
    """Whether all that has ended by now was saved before."""
    return batch.is_over and record.is_closed and record.ended == _counted(batch)


def _counted(batch: Batch) -> dict[str, int]:
    return {state: count for state, count in sorted(batch.counts.items()) if count}
