"""A batch that is sent and followed: to be iterated over, by `Client` and by `AsyncClient`."""

from collections.abc import AsyncIterator, Iterator

from segq_client import batch_calls
from segq_client.async_driver import AsyncDriver
from segq_client.batch import Batch, BatchResult, RejectedLine
from segq_client.batching import Batching
from segq_client.driver import Driver
from segq_client.retrying import Retrying


class _Stream:
    def __init__(self, batching: Batching, retrying: Retrying) -> None:
        self._batching = batching
        self._retrying = retrying

    @property
    def rejections(self) -> list[RejectedLine]:
        """Lines that were not taken so far, 100 of each thousand at the most."""
        return self._batching.rejections


class BatchStream(_Stream):
    """Iterate over it: each job is told as it ends, while lines are still taken and sent.

    Who stops to iterate leaves the batch as it is; opened again under its key it goes on.
    """

    def __init__(self, batching: Batching, retrying: Retrying, driver: Driver) -> None:
        super().__init__(batching, retrying)
        self._driver = driver

    @property
    def batch(self) -> Batch:
        """As it was last read; opened, if it was not yet."""
        return self._driver.do(self._batching.opened())

    def send(self) -> Batch:
        """Send all lines and close the batch, without waiting for what comes of them."""
        return self._driver.do(self._batching.sent())

    def __iter__(self) -> Iterator[BatchResult]:
        while not self._batching.is_over:
            yield from self._driver.do(self._batching.more())

    def cancel(self) -> Batch:
        """Make no more calls for it; those under way are let finish and paid."""
        return self._driver.do(self._retrying.answered(batch_calls.cancel(self.batch.id)))


class AsyncBatchStream(_Stream):
    """`BatchStream` for asyncio: `async for`, and what asks the gateway is awaited."""

    def __init__(self, batching: Batching, retrying: Retrying, driver: AsyncDriver) -> None:
        super().__init__(batching, retrying)
        self._driver = driver

    async def opened(self) -> Batch:
        """The batch as it was last read; opened, if it was not yet."""
        return await self._driver.do(self._batching.opened())

    async def send(self) -> Batch:
        """As `BatchStream.send`."""
        return await self._driver.do(self._batching.sent())

    async def __aiter__(self) -> AsyncIterator[BatchResult]:
        while not self._batching.is_over:
            for one in await self._driver.do(self._batching.more()):
                yield one

    async def cancel(self) -> Batch:
        """As `BatchStream.cancel`."""
        batch = await self.opened()
        return await self._driver.do(self._retrying.answered(batch_calls.cancel(batch.id)))
