"""What is the same for many requests, asked once for all of them and believed for a moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_REMEMBERED = 10_000


class Remembered(Generic[K, V]):
    """`look` gives a value and for how many seconds it is good; at most `most` are remembered."""

    def __init__(
        self, look: Callable[[K], Awaitable[tuple[V, float]]], most: int = MOST_REMEMBERED
    ) -> None:
        self._look = look
        self._most = most
        self._looking: dict[K, asyncio.Future[V]] = {}
        self._known: dict[K, tuple[V, float]] = {}

    async def of(self, name: K) -> V:
        """The value, as fresh as `look` says that it must be. Raises what `look` raises."""
        known = self._known.get(name)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        look = self._looking.get(name)
        if look is None:
            look = self._looking[name] = asyncio.ensure_future(self._ask(name))
            look.add_done_callback(lambda _: self._looking.pop(name, None))
        # Many ask at once when it is no longer remembered; one that goes away takes it from nobody.
        return await asyncio.shield(look)

    async def _ask(self, name: K) -> V:
        value, good_for = await self._look(name)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[name] = (value, time.monotonic() + good_for)
        return value
