"""What a job came to that was run to its end."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from segq_client import calls
from segq_client.async_driver import AsyncDriver
from segq_client.driver import Driver
from segq_client.job import Job, Output
from segq_client.retrying import Retrying
from segq_client.saving import saved, saved_all


@dataclass(frozen=True)
class _Succeeded:
    job: Job

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The job's images, one at the least."""
        return self.job.outputs

    @property
    def cost(self) -> Decimal | None:
        """What the job cost, in USD, exact; None while unknown."""
        return self.job.cost


@dataclass(frozen=True)
class Result(_Succeeded):
    """A job that has succeeded. Its images can be fetched as long as its `Client` is open."""

    _driver: Driver = field(repr=False, compare=False)
    _retrying: Retrying = field(repr=False, compare=False)

    def save(self, path: str | Path) -> Path:
        """Download the job's first image to `path`, as `Client.save` does."""
        return self._driver.do(saved(self.outputs[0], path, self._retrying))

    def save_all(self, folder: str | Path) -> list[Path]:
        """Download all of its images into `folder`, as MODEL-JOB-0.jpg, MODEL-JOB-1.jpg, ..."""
        return self._driver.do(saved_all(self.job, folder, self._retrying))

    def read(self) -> bytes:
        """The first image itself, as `Client.read` gives it."""
        return self._driver.do(self._retrying.answered(calls.image(self.outputs[0])))


@dataclass(frozen=True)
class AsyncResult(_Succeeded):
    """A job that has succeeded. Its images can be fetched as long as its `AsyncClient` is open."""

    _driver: AsyncDriver = field(repr=False, compare=False)
    _retrying: Retrying = field(repr=False, compare=False)

    async def save(self, path: str | Path) -> Path:
        """As `Result.save`."""
        return await self._driver.do(saved(self.outputs[0], path, self._retrying))

    async def save_all(self, folder: str | Path) -> list[Path]:
        """As `Result.save_all`."""
        return await self._driver.do(saved_all(self.job, folder, self._retrying))

    async def read(self) -> bytes:
        """As `Result.read`."""
        return await self._driver.do(self._retrying.answered(calls.image(self.outputs[0])))
