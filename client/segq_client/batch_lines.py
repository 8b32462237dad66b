"""Lines on their way into a batch: taken when they are to be sent, and kept until they were accepted."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from segq_client import batch_calls
from segq_client.batch import Batch, RejectedLine
from segq_client.flow import Flow, Work
from segq_client.problems import IllegalMoveError
from segq_client.request import json_of
from segq_client.retrying import Retrying
from segq_client.uploads import Uploads, with_contents

CHUNK = 1_000
"""Lines that are sent at once, and so many are held at the most."""

Line = Mapping[str, Any]


class BatchLines:
    """Whatever breaks off, a line that was taken is sent the next time, and files are uploaded once.

    Of one line at a time the files are held in memory.
    """

    def __init__(self, lines: Iterable[Line], retrying: Retrying, uploads: Uploads) -> None:
        self._lines = iter(lines)
        self._retrying = retrying
        self._uploads = uploads
        # A task that was cancelled leaves its thread at work on the lines.
        self._lock = threading.Lock()
        self._taken: Line | None = None
        self._ready: list[bytes] = []
        self._number = 1
        self._failure: BaseException | None = None
        self._has_ended = False
        self.is_closed = False
        self.rejections: list[RejectedLine] = []

    def sent(self, batch: Batch) -> Flow[Batch]:
        """Send the next lines; behind the last the batch is closed. Raises what the lines raise."""
        while len(self._ready) < CHUNK and (yield Work(self._take)):
            placed = yield from self._uploads.placed(self._taken)
            self._ready.append(json_of(placed))
            self._taken = None
        if self._ready:
            content = b"\n".join(self._ready)
            came = yield from self._retrying.answered(
                batch_calls.add_lines(batch.id, content, self._number)
            )
            self.rejections += came.rejections
            self._number += len(self._ready)
            self._ready = []
        if self._has_ended:
            batch = yield from self._closed(batch)
            self.is_closed = True
        return batch

    def _closed(self, batch: Batch) -> Flow[Batch]:
        try:
            return (yield from self._retrying.answered(batch_calls.close(batch.id)))
        except IllegalMoveError:
            # Somebody has canceled it: it takes no more either, and has all that was sent.
            return (yield from self._retrying.answered(batch_calls.get(batch.id)))

    def _take(self) -> bool:
        """Take the next line, if there is one, with contents in the place of files: an open file can
        be read once only. Behind one that could not be made there is no end: nobody knows what else
        would have come, and a generator that has failed only seems to have ended.
        """
        with self._lock:
            if self._taken is None and not self._has_ended:
                if self._failure is not None:
                    raise self._failure
                try:
                    self._taken = next(self._lines)
                except StopIteration:
                    self._has_ended = True
                except BaseException as error:
                    self._failure = error
                    raise
            if self._taken is not None:
                self._taken = with_contents(self._taken)
            return self._taken is not None
