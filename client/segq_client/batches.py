"""What can be done with batches that are there."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar

from segq_client import batch_calls
from segq_client.async_driver import AsyncDriver
from segq_client.batch import Batch, BatchResult, RejectedLine, ResultPage, Uploaded
from segq_client.batch_calls import JSON_LINES
from segq_client.driver import Driver
from segq_client.request import Request
from segq_client.retrying import Retrying

T = TypeVar("T")

_PAGE = 500
_LISTED = 50


class Batches:
    """Of one client; every method raises as the client's own."""

    def __init__(self, driver: Driver, retrying: Retrying) -> None:
        self._driver = driver
        self._retrying = retrying

    def open(self, key: str, **members: Any) -> Batch:
        """Open a batch, to be filled by `add`. Under the same key, with the same members (name, model,
        input, budget, matrix, ...), it is the same batch for 24 hours.
        """
        return self._ask(batch_calls.open_batch(members, key))

    def add(
        self, batch_id: str, content: bytes, *, kind: str = JSON_LINES, first_line: int = 1
    ) -> Uploaded:
        """Send lines as JSON Lines, or as `text/csv` with a header; the first of them with that
        number. It may be sent again: what is there is known. Raises `TooManyQueuedError` and
        `BudgetExceededError` where not all of them found room: `members` of these say what was taken.
        """
        return self._ask(batch_calls.add_lines(batch_id, content, first_line, kind))

    def ended(self, batch_id: str, cursor: str | None = None, limit: int = _PAGE) -> ResultPage:
        """The next jobs that have ended, in the order of their ends; those of the last two seconds
        come later. `next_cursor` is where to go on, now or another day.
        """
        request = batch_calls.results(batch_id, order="finished", limit=limit, cursor=cursor)
        return self._ask(request)

    def get(self, batch_id: str) -> Batch:
        """Read a batch."""
        return self._ask(batch_calls.get(batch_id))

    def all(self) -> Iterator[Batch]:
        """Every batch, newest first, a page at a time as they are taken."""
        cursor: str | None = None
        while True:
            found, cursor = self._ask(batch_calls.page(_LISTED, cursor))
            yield from found
            if cursor is None:
                return

    def results(self, batch_id: str, *, state: str | None = None) -> Iterator[BatchResult]:
        """Its jobs that have ended, in the order of its lines; `state`: those that ended so."""
        cursor: str | None = None
        while True:
            page = self._ask(_in_order(batch_id, cursor, state))
            yield from page.results
            cursor = page.next_cursor
            if cursor is None:
                return

    def rejected(self, batch_id: str) -> list[RejectedLine]:
        """Its lines that were not taken."""
        return self._ask(batch_calls.rejected(batch_id))

    def close(self, batch_id: str) -> Batch:
        """Let it take no more lines."""
        return self._ask(batch_calls.close(batch_id))

    def cancel(self, batch_id: str) -> Batch:
        """Make no more calls for it; those under way are let finish and paid."""
        return self._ask(batch_calls.cancel(batch_id))

    def pause(self, batch_id: str, reason: str = "") -> Batch:
        """Let none of its calls leave; lines are taken, and calls that have left are let finish."""
        return self._ask(batch_calls.pause(batch_id, reason))

    def resume(self, batch_id: str) -> Batch:
        """Let them leave again."""
        return self._ask(batch_calls.resume(batch_id))

    def retry(self, batch_id: str, states: str | Sequence[str] = "failed") -> Batch:
        """Queue its jobs again that ended so (failed, expired, canceled), a thousand after the other."""
        return self._ask(batch_calls.retry(batch_id, states))

    def change(self, batch_id: str, **members: Any) -> Batch:
        """Change its `priority`, of all that wait, or its `budget` (USD as text; None: none)."""
        return self._ask(batch_calls.change(batch_id, members))

    def contact_sheet(self, batch_id: str, limit: int = 100) -> bytes:
        """Its first images (up to 400), small, on one page: a JPEG."""
        return self._ask(batch_calls.contact_sheet(batch_id, limit))

    def _ask(self, request: Request[T]) -> T:
        return self._driver.do(self._retrying.answered(request))


class AsyncBatches:
    """`Batches` for asyncio."""

    def __init__(self, driver: AsyncDriver, retrying: Retrying) -> None:
        self._driver = driver
        self._retrying = retrying

    async def open(self, key: str, **members: Any) -> Batch:
        """As `Batches.open`."""
        return await self._ask(batch_calls.open_batch(members, key))

    async def add(
        self, batch_id: str, content: bytes, *, kind: str = JSON_LINES, first_line: int = 1
    ) -> Uploaded:
        """As `Batches.add`."""
        return await self._ask(batch_calls.add_lines(batch_id, content, first_line, kind))

    async def ended(
        self, batch_id: str, cursor: str | None = None, limit: int = _PAGE
    ) -> ResultPage:
        """As `Batches.ended`."""
        request = batch_calls.results(batch_id, order="finished", limit=limit, cursor=cursor)
        return await self._ask(request)

    async def get(self, batch_id: str) -> Batch:
        """As `Batches.get`."""
        return await self._ask(batch_calls.get(batch_id))

    async def all(self) -> AsyncIterator[Batch]:
        """As `Batches.all`."""
        cursor: str | None = None
        while True:
            found, cursor = await self._ask(batch_calls.page(_LISTED, cursor))
            for one in found:
                yield one
            if cursor is None:
                return

    async def results(
        self, batch_id: str, *, state: str | None = None
    ) -> AsyncIterator[BatchResult]:
        """As `Batches.results`."""
        cursor: str | None = None
        while True:
            page = await self._ask(_in_order(batch_id, cursor, state))
            for one in page.results:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

    async def rejected(self, batch_id: str) -> list[RejectedLine]:
        """As `Batches.rejected`."""
        return await self._ask(batch_calls.rejected(batch_id))

    async def close(self, batch_id: str) -> Batch:
        """As `Batches.close`."""
        return await self._ask(batch_calls.close(batch_id))

    async def cancel(self, batch_id: str) -> Batch:
        """As `Batches.cancel`."""
        return await self._ask(batch_calls.cancel(batch_id))

    async def pause(self, batch_id: str, reason: str = "") -> Batch:
        """As `Batches.pause`."""
        return await self._ask(batch_calls.pause(batch_id, reason))

    async def resume(self, batch_id: str) -> Batch:
        """As `Batches.resume`."""
        return await self._ask(batch_calls.resume(batch_id))

    async def retry(self, batch_id: str, states: str | Sequence[str] = "failed") -> Batch:
        """As `Batches.retry`."""
        return await self._ask(batch_calls.retry(batch_id, states))

    async def change(self, batch_id: str, **members: Any) -> Batch:
        """As `Batches.change`."""
        return await self._ask(batch_calls.change(batch_id, members))

    async def contact_sheet(self, batch_id: str, limit: int = 100) -> bytes:
        """As `Batches.contact_sheet`."""
        return await self._ask(batch_calls.contact_sheet(batch_id, limit))

    async def _ask(self, request: Request[T]) -> T:
        return await self._driver.do(self._retrying.answered(request))


def _in_order(batch_id: str, cursor: str | None, state: str | None) -> Request[Any]:
    return batch_calls.results(batch_id, order="input", limit=_PAGE, cursor=cursor, state=state)
