"""Sends the lines of one batch, a thousand at a time, and closes it."""

import time
from contextlib import suppress

from cli.batch.chunks import CHUNK, chunk_of
from cli.batch.lines import Line
from cli.batch.local_images import ChangedImageError, LocalImages
from cli.batch.prepared import Prepared
from cli.batch.records import Record, Records
from segq_client import (
    BadRequestError,
    BudgetExceededError,
    Client,
    IllegalMoveError,
    TooManyQueuedError,
)
from segq_client.batch_calls import CSV, JSON_LINES

_QUEUE_FULL_SECONDS = 5.0
_LISTED = 200
"""Jobs on a page: as many as the API gives at once."""


class Sender:
    """What was answered is written down, and nothing that was is sent again.

    Killed between an answer and that, it sends a chunk once more: the gateway knows its lines.
    """

    def __init__(
        self,
        client: Client,
        records: Records,
        record: Record,
        prepared: Prepared,
        local: LocalImages,
    ) -> None:
        self._client = client
        self._records = records
        self._record = record
        self._lines = prepared.lines
        self._by_name = {one.custom_id: one for one in prepared.lines.all}
        self._prepared = prepared
        self._local = local
        self._not_before = 0.0
        self.waits = False
        """The queue is full: lines are sent again when it has room."""

    @property
    def is_over(self) -> bool:
        """All was sent that ever will be, and the batch is closed."""
        return self._record.is_closed

    @property
    def is_due(self) -> bool:
        """Whether `step` has something to do now."""
        return not self.is_over and time.monotonic() >= self._not_before

    def step(self) -> None:
        """Open the batch, send the next lines, or close it. Raises the client's errors and OSError."""
        record = self._record
        try:
            if record.id is None:
                record.id = opened(self._client, self._records, record)
                # Not only noted: under its key the batch is found again for 24 hours, and then no more.
                self._records.save()
            elif record.sent < len(record.plan) and record.short is None:
                self._send(record.id)
            else:
                self._client.batches.close(record.id)
                record.is_closed = True
        except IllegalMoveError as error:
            # Somebody else has closed or canceled it.
            self._cut(record.sent + self._there(), error.detail)
            record.is_closed = True
        self._records.note()

    def _send(self, batch_id: str) -> None:
        names = self._record.to_send[:CHUNK]
        self._renew(names)
        some = [line for name in names if (line := self._line(name)) is not None]
        self._leave_out(set(names).difference(one.custom_id for one in some))
        if some:
            chunk = chunk_of(self._lines, some)
            kind = CSV if chunk.is_csv else JSON_LINES
            try:
                self._client.batches.add(
                    batch_id, chunk.content, kind=kind, first_line=chunk.first_line
                )
            except TooManyQueuedError as error:
                self._not_before = time.monotonic() + (error.retry_after or _QUEUE_FULL_SECONDS)
                self.waits = True
                return
            except BudgetExceededError as error:
                self._stop(error, some, chunk.numbers)
                return
        self.waits = False
        self._record.sent += len(names)

    def _renew(self, names: list[str]) -> None:
        """Upload their images again, if that was so long ago that they may be gone: a full queue may
        have kept the lines for days. What cannot be may still be there.
        """
        digests = {one for name in names for one in self._prepared.images.get(name, {}).values()}
        wanted = {one: self._prepared.paths[one] for one in sorted(digests)}
        with suppress(OSError, ChangedImageError):
            self._local.upload(self._client, wanted, lambda _: None)

    def _leave_out(self, names: set[str]) -> None:
        """They keep their places, but whatever the list says of them later is another content."""
        if any(self._record.plan[name] for name in names):
            self._record.plan |= dict.fromkeys(names, "")
            self._records.keep_plan(self._record)

    def _stop(self, error: BudgetExceededError, some: list[Line], numbers: tuple[int, ...]) -> None:
        """No more of it is taken."""
        line = error.members.get("line")
        taken = 0 if line is None else sum(number < int(line) for number in numbers)
        plan = list(self._record.plan)
        self._cut(
            plan.index(some[taken].custom_id) if taken < len(some) else len(plan), error.detail
        )

    def _there(self) -> int:
        """How many of the lines that were to be sent now the batch has, up to the last of them.

        A full queue may have taken some before: to send these again elsewhere would pay them twice.
        """
        record = self._record
        names = record.to_send[:CHUNK]
        if not names:
            return 0
        of_batch = self._client.jobs(group=f"batch:{record.id}", limit=_LISTED)
        there = {job.raw.get("custom_id") for job in of_batch}
        return max((n for n, name in enumerate(names, 1) if name in there), default=0)

    def _cut(self, taken: int, why: str) -> None:
        """What was not taken is no part of the batch, and may be of another one."""
        record = self._record
        left = len(record.plan) - taken
        if not left:
            return
        record.short = f"{left:,} line{'' if left == 1 else 's'} not taken: {why}"
        lines = list(record.plan.items())
        record.plan, record.cut = dict(lines[:taken]), dict(lines[taken:])
        record.sent = taken
        self._records.keep_plan(record)

    def _line(self, name: str) -> Line | None:
        """With references in the place of images; None: the list has it no more, or otherwise."""
        line = self._by_name.get(name)
        if line is None or self._prepared.digests[name] != self._record.plan[name]:
            return None
        images = self._prepared.images.get(name, {})
        references = {one: self._local.reference(digest) for one, digest in images.items()}
        return self._lines.with_parameters(line, references) if references else line


def opened(client: Client, records: Records, record: Record) -> str:
    """Its id at the gateway, the same however often it is asked for. Raises the client's errors."""
    try:
        return client.batches.open(record.key, **record.members).id
    except BadRequestError:
        # The same words would be refused again, and others may be meant the next time.
        records.forget(record)
        raise
