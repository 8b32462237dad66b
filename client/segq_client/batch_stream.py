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

    Who stops to iterate leaves the batch as it is, and goes on by iterating again: no line and no
    result is lost, also where something was raised. A gateway that is away for half an hour is
    waited for.
    """

    def __init__(self, batching: Batching, retrying: Retrying, driver: Driver) -> None:
        super().__init__(batching, retrying)
        self._driver = driver

    @property
    def batch(self) -> Batch:
        """As it was last read; opened, if it was not yet."""
        return self.opened()

    def opened(self) -> Batch:
        """The batch as it was last read; opened, if it was not yet."""
        return self._driver.do(self._batching.opened())

    def send(self) -> Batch:
        """Send all lines and close the batch, without waiting for what comes of them."""
        return self._driver.do(self._batching.sent())

    def __iter__(self) -> Iterator[BatchResult]:
        results = self._batching.results
        while True:
            # One after the other: whoever stops in between is told the rest the next time.
            while results:
                yield results.popleft()
            if self._batching.is_over:
                return
            self._driver.do(self._batching.more())

    def cancel(self) -> Batch:
        """Make no more calls for it; those under way are let finish and paid."""
        return self._driver.do(self._retrying.answered(batch_calls.cancel(self.batch.id)))


class AsyncBatchStream(_Stream):
    """`BatchStream` for asyncio: `async for`, and what asks the gateway is awaited."""

    def __init__(self, batching: Batching, retrying: Retrying, driver: AsyncDriver) -> None:
        super().__init__(batching, retrying)
        self._driver = driver

    @property
    def batch(self) -> Batch:
        """As it was last read. Raises `RuntimeError` before it is opened: await `opened()`."""
        found = self._batching.batch
        if found is None:
            raise RuntimeError("the batch is not opened yet: await opened(), or iterate")
        return found

    async def opened(self) -> Batch:
        """As `BatchStream.opened`."""
        return await self._driver.do(self._batching.opened())

    async def send(self) -> Batch:
        """As `BatchStream.send`."""
        return await self._driver.do(self._batching.sent())

    async def __aiter__(self) -> AsyncIterator[BatchResult]:
        results = self._batching.results
        while True:
            while results:
                yield results.popleft()
            if self._batching.is_over:
                return
            await self._driver.do(self._batching.more())

    async def cancel(self) -> Batch:
        """As `BatchStream.cancel`."""
        batch = await self.opened()
        return await self._driver.do(self._retrying.answered(batch_calls.cancel(batch.id)))
