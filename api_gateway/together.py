"""Requests that ask SQL for the same kind of thing at the same time ask it together.

Who comes when nothing is under way goes at once. Who comes meanwhile waits, and all of them go
together next: one trip, one thread and one commit for many. Each gets its own answer, or its own
error, as if it had come alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from jobs.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")

MOST = 64
"""Go together at the most: so many rows are written in a few milliseconds."""
PATIENCE_SECONDS = 30.0
"""As long as SQLite waits for another process's write; then SQL counts as away."""


class Together(Generic[T, R]):
    """`work` is given what several requests ask, and gives a result for each, in order.

    It runs in a thread. When it raises, each of them is asked again alone, so that one that cannot
    be answered spoils nothing for others; but not when SQL is away, since then it may have been done.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        lanes: int = 1,
        most: int = MOST,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`lanes` groups (≥ 1) are under way at once; a request waits at most `patience` seconds.

        With two, one group is written down while the other commits.
        """
        self._work = work
        self._most = most
        self._patience = patience
        self._free_lanes = lanes
        self._threads = anyio.CapacityLimiter(lanes)
        self._waiting: dict[asyncio.Future[R], T] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, one: T) -> R:
        """What `work` gives for it. Raises what `work` raises, and `Unavailable` after the patience.

        Whoever stops waiting before the work has begun is left out of it.
        """
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[R] = loop.create_future()
        self._waiting[mine] = one
        if self._free_lanes:
            self._free_lanes -= 1
            task = loop.create_task(self._lane())
            # The loop itself keeps no hold on its tasks.
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        alarm = loop.call_later(self._patience, _give_up, mine)
        try:
            return await mine
        finally:
            alarm.cancel()
            self._waiting.pop(mine, None)

    async def _lane(self) -> None:
        try:
            while group := self._next_group():
                asked = list(group.values())
                came = await anyio.to_thread.run_sync(self._answers, asked, limiter=self._threads)
                for waits, result in zip(group, came, strict=True):
                    if waits.done():
                        continue
                    if isinstance(result, _Failed):
                        waits.set_exception(result.error)
                    else:
                        waits.set_result(result)
        finally:
            self._free_lanes += 1

    def _next_group(self) -> dict[asyncio.Future[R], T]:
        group = dict(islice(self._waiting.items(), self._most))
        for waits in group:
            del self._waiting[waits]
        return group

    def _answers(self, asked: list[T]) -> "list[R | _Failed]":
        try:
            return list(self._work(asked))
        except Unavailable as error:
            return [_Failed(error)] * len(asked)
        except Exception as error:  # noqa: BLE001  # or those who wait would do so in vain
            if len(asked) == 1:
                return [_Failed(error)]
            return [answer for one in asked for answer in self._answers([one])]


class _Failed:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _give_up(waits: asyncio.Future[R]) -> None:
    if not waits.done():
        error = Unavailable("the database does not answer: it is too slow")
        error.__cause__ = TimeoutError()
        waits.set_exception(error)
