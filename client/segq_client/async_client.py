"""The client for asyncio: the methods of `Client`, to be awaited."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from segq_client import calls
from segq_client.async_driver import AsyncDriver
from segq_client.batch_stream import AsyncBatchStream
from segq_client.batches import AsyncBatches
from segq_client.batching import Batching, batch_members
from segq_client.estimate import Estimate
from segq_client.gateway import gateway_at, named_in
from segq_client.job import Job, Output
from segq_client.paging import Pages
from segq_client.request import Request
from segq_client.result import AsyncResult
from segq_client.retrying import Retrying
from segq_client.saving import saved
from segq_client.submitting import Submitting, Wanted
from segq_client.uploads import File, Uploads
from segq_client.waiting import LONGEST_READ, USUAL_PATIENCE, Watch

T = TypeVar("T")


class AsyncClient:
    """`Client` for asyncio: the same methods, arguments, results and errors.

    Use it with `async with`, or `await` its `close`. It belongs to one event loop, whose tasks may
    share it. Files are read and written in threads. A task that is cancelled while it waits leaves
    its job to go on.
    """

    def __init__(self, url: str, key: str, *, timeout: float = 15.0, tries: int = 3) -> None:
        """As `Client`: `timeout` in seconds, `tries` from 1; raises `SetupError`."""
        self._driver = AsyncDriver(gateway_at(url, key, timeout))
        self._retrying = Retrying(tries)
        self._uploads = Uploads(self._retrying)
        self._submitting = Submitting(self._retrying, self._uploads)
        self.batches = AsyncBatches(self._driver, self._retrying)
        """Those that are there: read, canceled, run again, ..."""

    @classmethod
    def from_env(cls, *, timeout: float = 15.0, tries: int = 3) -> Self:
        """As `Client.from_env`."""
        return cls(*named_in(), timeout=timeout, tries=tries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._driver.close()

    async def run(
        self,
        model: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = USUAL_PATIENCE,  # noqa: ASYNC109 (the job's, which goes on)
        idempotency_key: str | None = None,
        fields: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> AsyncResult:
        """As `Client.run`."""
        wanted = Wanted(model, {**(parameters or {}), **more}, fields or {}, idempotency_key)
        job = await self._driver.do(self._submitting.run(wanted, timeout))
        return AsyncResult(job, self._driver, self._retrying)

    async def submit(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 (the API's own word)
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Job:
        """As `Client.submit`."""
        wanted = Wanted(model, input, fields, idempotency_key)
        return await self._driver.do(self._submitting.submitted(wanted))

    async def upload(self, image: str | File, *, idempotency_key: str | None = None) -> str:
        """As `Client.upload`."""
        return await self._driver.do(self._uploads.upload(image, idempotency_key))

    async def estimate(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 (the API's own word)
        *,
        count: int = 1,
        **fields: Any,
    ) -> Estimate:
        """As `Client.estimate`."""
        flow = self._submitting.estimated(Wanted(model, input, fields), count)
        return await self._driver.do(flow)

    async def estimate_all(self, jobs: Iterable[Mapping[str, Any]]) -> Estimate:
        """As `Client.estimate_all`."""
        return await self._ask(calls.estimate({"jobs": list(jobs)}))

    async def get(self, job_id: str, wait: float = 0, *, attempts: bool = False) -> Job:
        """As `Client.get`."""
        seconds = max(0, int(min(wait, LONGEST_READ)))
        return await self._ask(calls.get(job_id, seconds, attempts=attempts))

    async def wait(
        self,
        job_id: str,
        timeout: float | None = USUAL_PATIENCE,  # noqa: ASYNC109 (the job's, which goes on)
    ) -> Job:
        """As `Client.wait`."""
        return await self._driver.do(Watch(job_id, timeout, self._retrying).settled())

    async def stream(
        self,
        job_id: str,
        timeout: float | None = USUAL_PATIENCE,  # noqa: ASYNC109 (the job's, which goes on)
        *,
        every: float = 1,
    ) -> AsyncIterator[Job]:
        """As `Client.stream`."""
        watch = Watch(job_id, timeout, self._retrying, every=every, at_once=True)
        while not watch.is_over:
            yield await self._driver.do(watch.changed())

    async def jobs(self, **wanted: Any) -> AsyncIterator[Job]:
        """As `Client.jobs`."""
        pages = Pages(wanted, self._retrying)
        while not pages.is_over:
            for job in await self._driver.do(pages.next_page()):
                yield job

    async def cancel(self, job_id: str, *, image: str | None = None) -> Job:
        """As `Client.cancel`."""
        return await self._ask(calls.cancel(job_id, image))

    async def retry(self, job_id: str) -> Job:
        """As `Client.retry`."""
        return await self._ask(calls.retry(job_id))

    async def change(self, job_id: str, **fields: Any) -> Job:
        """As `Client.change`."""
        return await self._ask(calls.change(job_id, fields))

    async def resolve(
        self,
        job_id: str,
        as_: str,
        note: str,
        *,
        request_id: str | None = None,
        output: str | File | None = None,
    ) -> Job:
        """As `Client.resolve`."""
        decision = {"as": as_, "note": note, "request_id": request_id, "output": output}
        return await self._driver.do(self._submitting.resolved(job_id, decision))

    def batch(
        self,
        lines: Iterable[Mapping[str, Any]],
        *,
        model: str | None = None,
        input: Mapping[str, Any] | None = None,  # noqa: A002 (the API's own word)
        idempotency_key: str | None = None,
        batch_id: str | None = None,
        **members: Any,
    ) -> AsyncBatchStream:
        """As `Client.batch`, for `async for`. Lines are taken in a thread."""
        return AsyncBatchStream(
            Batching(
                lines,
                batch_members(model, input, members),
                idempotency_key,
                self._retrying,
                self._uploads,
                batch_id=batch_id,
            ),
            self._retrying,
            self._driver,
        )

    async def models(self) -> list[dict[str, Any]]:
        """As `Client.models`."""
        return await self._ask(calls.models())

    async def model(self, slug: str) -> dict[str, Any]:
        """As `Client.model`."""
        return await self._ask(calls.model(slug))

    async def account(self) -> dict[str, Any]:
        """As `Client.account`."""
        return await self._ask(calls.account())

    async def tenant(self) -> dict[str, Any]:
        """As `Client.tenant`."""
        return await self._ask(calls.tenant())

    async def budgets(self) -> list[dict[str, Any]]:
        """As `Client.budgets`."""
        return await self._ask(calls.budgets())

    async def pauses(self) -> list[dict[str, Any]]:
        """As `Client.pauses`."""
        return await self._ask(calls.pauses())

    async def pause(self, *, reason: str = "", **what: str) -> list[dict[str, Any]]:
        """As `Client.pause`."""
        return await self._ask(calls.pause(what, reason))

    async def resume(self, **what: str) -> bool:
        """As `Client.resume`."""
        return await self._ask(calls.resume(what))

    async def read(self, output: Output) -> bytes:
        """As `Client.read`."""
        return await self._ask(calls.image(output))

    async def save(self, output: Output, path: str | Path) -> Path:
        """As `Client.save`."""
        return await self._driver.do(saved(output, path, self._retrying))

    async def _ask(self, request: Request[T]) -> T:
        return await self._driver.do(self._retrying.answered(request))
