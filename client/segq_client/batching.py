"""A batch from its first line to its last result, as flows."""

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from segq_client import batch_calls
from segq_client.batch import Batch, BatchResult, RejectedLine
from segq_client.batch_lines import BatchLines, Line
from segq_client.errors import BatchStalledError, SegqError
from segq_client.flow import Flow, Pause
from segq_client.problems import TooManyQueuedError
from segq_client.retrying import Retrying
from segq_client.standstill import Standstill
from segq_client.uploads import Uploads
from segq_client.waiting import USUAL_PATIENCE

PAGE = 500
_LOOK_SECONDS = 1.0
_QUEUE_FULL_SECONDS = 5.0
_IN_ORDER_AFTER = 15
"""Looks in vain at a batch that is over, before its results are read in the order of its lines."""


class Batching:
    """Sends lines as they are taken, closes the batch behind the last, and tells each job that has ended.

    Nothing is sent that has not been asked for by `more`, and no line is taken before. What raises
    leaves all as it was: to ask again goes on with the same lines and results.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        members: Mapping[str, Any],
        key: str | None,
        retrying: Retrying,
        uploads: Uploads,
        *,
        batch_id: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`members` are those of the batch. Under the same `key` it is the same batch, for 24 hours.
        `batch_id`: of one that is there; then neither is looked at.
        """
        self._lines = BatchLines(lines, retrying, uploads)
        self._members = dict(members)
        self._batch_id = batch_id
        self._key = uuid.uuid4().hex if key is None else key
        self._retrying = retrying
        self._clock = clock
        self._standstill = Standstill(clock)
        self._room_at = 0.0
        self._away = 0.0
        self._cursor: str | None = None
        self._told = bytearray()
        self._in_vain = 0
        self.batch: Batch | None = None
        self.results: deque[BatchResult] = deque()
        """Those that have come and were not handed on yet."""
        self.is_over = False
        """All results have come."""

    @property
    def rejections(self) -> list[RejectedLine]:
        return self._lines.rejections

    def opened(self) -> Flow[Batch]:
        """The batch, before its first line is sent."""
        if self.batch is None:
            request = (
                batch_calls.open_batch(self._members, self._key)
                if self._batch_id is None
                else batch_calls.get(self._batch_id)
            )
            self.batch = yield from self._retrying.answered(request)
        return self.batch

    def sent(self) -> Flow[Batch]:
        """Send all lines and close the batch."""
        batch = yield from self.opened()
        while not self._lines.is_closed:
            yield from self._outlasted(self._send_or_wait(batch))
        return self.batch or batch

    def more(self) -> Flow[None]:
        """Go on for a moment: `results` has what has come; `is_over` once that is all."""
        batch = yield from self.opened()
        yield from self._outlasted(self._step(batch))

    def _send_or_wait(self, batch: Batch) -> Flow[bool]:
        if (yield from self._send(batch)):
            return True
        batch = yield from self._look(batch)
        if (reason := self._standstill.seen(batch)) is not None:
            raise BatchStalledError(batch, reason)
        yield Pause(max(0.0, self._room_at - self._clock()))
        return False

    def _step(self, batch: Batch) -> Flow[bool]:
        """Whether something has moved."""
        has_sent = yield from self._send(batch)
        has_come = yield from self._page(batch)
        if has_sent or has_come:
            return True
        batch = yield from self._look(batch)
        if not batch.is_over or not self._lines.is_closed:
            self._in_vain = 0
        elif sum(self._told) >= batch.jobs:
            self.is_over = True
            return True
        elif self._in_vain >= _IN_ORDER_AFTER:
            # A clock that was set, of a database or of a worker: ends are out of order.
            yield from self._untold(batch)
            self.is_over = True
            return True
        else:
            self._in_vain += 1
        if (reason := self._standstill.seen(batch)) is not None:
            # The order of ends leaves out those of the last moment.
            yield from self._untold(batch)
            if self.results:
                return True
            raise BatchStalledError(batch, reason)
        yield Pause(_LOOK_SECONDS)
        return False

    def _outlasted(self, flow: Flow[bool]) -> Flow[bool | None]:
        """What it comes to; None: the gateway was away, and may be asked again. Raises what does not
        pass, and what has not passed in half an hour.
        """
        try:
            found = yield from flow
        except SegqError as error:
            if error.repeat_after is None or self._away >= USUAL_PATIENCE:
                raise
            pause = self._retrying.pause(error.repeat_after)
            self._away += pause
            yield Pause(pause)
            return None
        self._away = 0.0
        return found

    def _look(self, batch: Batch) -> Flow[Batch]:
        self.batch = yield from self._retrying.answered(batch_calls.get(batch.id))
        return self.batch

    def _send(self, batch: Batch) -> Flow[bool]:
        """Whether the next lines were sent, or the batch was closed; not while its queue is full."""
        if self._lines.is_closed or self._clock() < self._room_at:
            return False
        try:
            self.batch = yield from self._lines.sent(batch)
        except TooManyQueuedError as error:
            # What was taken of them is known the next time.
            pause = self._retrying.pause(error.retry_after or _QUEUE_FULL_SECONDS)
            self._room_at = self._clock() + pause
            return False
        return True

    def _page(self, batch: Batch) -> Flow[bool]:
        """Whether a result has come that was not told yet."""
        request = batch_calls.results(batch.id, order="finished", limit=PAGE, cursor=self._cursor)
        page = yield from self._retrying.answered(request)
        self._cursor = page.next_cursor or self._cursor
        return self._add(page.results)

    def _untold(self, batch: Batch) -> Flow[None]:
        cursor: str | None = None
        while True:
            request = batch_calls.results(batch.id, order="input", limit=PAGE, cursor=cursor)
            page = yield from self._retrying.answered(request)
            self._add(page.results)
            cursor = page.next_cursor
            if cursor is None:
                return

    def _add(self, results: Iterable[BatchResult]) -> bool:
        """Those that were not told yet: a job that was sent again ends twice."""
        before = len(self.results)
        for one in results:
            if one.position >= len(self._told):
                self._told.extend(bytes(one.position + 1 - len(self._told)))
            if not self._told[one.position]:
                self._told[one.position] = 1
                self.results.append(one)
        return len(self.results) > before


def batch_members(
    model: str | None, input_: Mapping[str, Any] | None, members: Mapping[str, Any]
) -> dict[str, Any]:
    """What opens a batch. `stop_after` says by itself what to do about errors."""
    found = {"model": model, "input": None if input_ is None else dict(input_), **members}
    if found.get("stop_after") is not None:
        found.setdefault("on_error", "stop_after_n")
    return {name: value for name, value in found.items() if value is not None}
