"""A batch from its first line to its last result, as flows."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from segq_client import batch_calls
from segq_client.batch import Batch, BatchResult, RejectedLine, Uploaded
from segq_client.flow import Flow, Pause, Work
from segq_client.problems import TooManyQueuedError
from segq_client.request import json_of
from segq_client.retrying import Retrying
from segq_client.uploads import Uploads, loaded

CHUNK = 1_000
"""Lines that are sent at once, and so many are held at the most."""
PAGE = 500
_LOOK_SECONDS = 1.0
_QUEUE_FULL_SECONDS = 5.0
_IN_ORDER_AFTER = 15
"""Looks in vain at a batch that is over, before its results are read in the order of its lines."""

Line = Mapping[str, Any]


class Batching:
    """Sends lines as they are taken, closes the batch behind the last, and tells each job that has ended.

    Nothing is sent that has not been asked for by `more`, and no line is taken before.
    """

    def __init__(
        self,
        lines: Iterable[Line],
        members: Mapping[str, Any],
        key: str | None,
        retrying: Retrying,
        uploads: Uploads,
    ) -> None:
        """`members` are those of the batch. Under the same `key` it is the same batch, for 24 hours."""
        self._lines: Iterator[Line] | None = iter(lines)
        self._members = dict(members)
        self._key = uuid.uuid4().hex if key is None else key
        self._retrying = retrying
        self._uploads = uploads
        self._number = 1
        self._cursor: str | None = None
        self._told = bytearray()
        self._in_vain = 0
        self.batch: Batch | None = None
        self.rejections: list[RejectedLine] = []
        self.is_over = False

    def opened(self) -> Flow[Batch]:
        """The batch, before its first line is sent."""
        if self.batch is None:
            request = batch_calls.open_batch(self._members, self._key)
            self.batch = yield from self._retrying.answered(request)
        return self.batch

    def sent(self) -> Flow[Batch]:
        """Send all lines and close the batch."""
        batch = yield from self.opened()
        while self._lines is not None:
            batch = yield from self._send(batch)
        return batch

    def more(self) -> Flow[tuple[BatchResult, ...]]:
        """Go on for a moment: results that have come, or none; `is_over` once all were told."""
        batch = yield from self.opened()
        if self._lines is not None:
            batch = yield from self._send(batch)
        found = yield from self._page(batch)
        if found or self._lines is not None:
            return found
        batch = yield from self._look(batch)
        if batch.is_over and sum(self._told) >= batch.jobs:
            self.is_over = True
            return ()
        if batch.is_over and self._in_vain >= _IN_ORDER_AFTER:
            # A clock that was set, of a database or of a worker: ends are out of order.
            self.is_over = True
            return (yield from self._untold(batch))
        self._in_vain = self._in_vain + 1 if batch.is_over else 0
        yield Pause(_LOOK_SECONDS)
        return ()

    def _look(self, batch: Batch) -> Flow[Batch]:
        self.batch = yield from self._retrying.answered(batch_calls.get(batch.id))
        return self.batch

    def _send(self, batch: Batch) -> Flow[Batch]:
        """The next lines; after the last the batch is closed."""
        chunk: list[Line] = yield Work(partial(self._take, CHUNK))
        if chunk:
            with_files = yield from loaded(chunk)
            placed: Sequence[Line] = yield from self._uploads.placed(with_files)
            came = yield from self._accepted(batch, [json_of(line) for line in placed])
            self.rejections += came.rejections
            self._number += len(chunk)
        if len(chunk) < CHUNK:
            self._lines = None
            self.batch = yield from self._retrying.answered(batch_calls.close(batch.id))
        return self.batch or batch

    def _take(self, most: int) -> list[Line]:
        return [] if self._lines is None else list(islice(self._lines, most))

    def _accepted(self, batch: Batch, lines: Sequence[bytes]) -> Flow[Uploaded]:
        """Sent until the queue has room for all of them: what was taken is known the next time."""
        while True:
            request = batch_calls.add_lines(batch.id, b"\n".join(lines), self._number)
            try:
                return (yield from self._retrying.answered(request))
            except TooManyQueuedError as error:
                yield Pause(self._retrying.pause(error.retry_after or _QUEUE_FULL_SECONDS))

    def _page(self, batch: Batch) -> Flow[tuple[BatchResult, ...]]:
        request = batch_calls.results(batch.id, order="finished", limit=PAGE, cursor=self._cursor)
        page = yield from self._retrying.answered(request)
        self._cursor = page.next_cursor or self._cursor
        return self._new(page.results)

    def _untold(self, batch: Batch) -> Flow[tuple[BatchResult, ...]]:
        found: list[BatchResult] = []
        cursor: str | None = None
        while True:
            request = batch_calls.results(batch.id, order="input", limit=PAGE, cursor=cursor)
            page = yield from self._retrying.answered(request)
            found += self._new(page.results)
            cursor = page.next_cursor
            if cursor is None:
                return tuple(found)

    def _new(self, results: Iterable[BatchResult]) -> tuple[BatchResult, ...]:
        """Those that were not told yet: a job that was sent again ends twice."""
        found = []
        for one in results:
            if one.position >= len(self._told):
                self._told.extend(bytes(one.position + 1 - len(self._told)))
            if not self._told[one.position]:
                self._told[one.position] = 1
                found.append(one)
        return tuple(found)


def batch_members(
    model: str | None, input_: Mapping[str, Any] | None, members: Mapping[str, Any]
) -> dict[str, Any]:
    """What opens a batch. `stop_after` says by itself what to do about errors."""
    found = {"model": model, "input": None if input_ is None else dict(input_), **members}
    if found.get("stop_after") is not None:
        found.setdefault("on_error", "stop_after_n")
    return {name: value for name, value in found.items() if value is not None}
