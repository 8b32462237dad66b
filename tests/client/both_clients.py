"""Both clients behind one face, so that one suite holds both to the same."""

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from segq_client import AsyncClient, Client

AnyClient: TypeAlias = Any
"""A `Client`, or what answers as one."""
Open: TypeAlias = Callable[..., Any]
"""Opens such a client, with the arguments of `Client`; a context manager."""


class _Awaited:
    """An `AsyncClient` (or a result of it) whose methods are awaited here, in one event loop."""

    def __init__(self, runner: asyncio.Runner, inner: Any) -> None:
        self._runner = runner
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def called(*args: Any, **named: Any) -> Any:
            given = found(*args, **named)
            if isinstance(given, AsyncIterator):
                return self._each(given)
            if isinstance(given, AsyncIterable):
                return _Awaited(self._runner, given)
            if not inspect.isawaitable(given):
                return given
            done = self._runner.run(_whole(given))
            return _Awaited(self._runner, done) if hasattr(done, "save_all") else done

        return called

    def __iter__(self) -> Iterator[Any]:
        return self._each(aiter(self._inner))

    def _each(self, given: AsyncIterator[Any]) -> Iterator[Any]:
        end = object()
        while (one := self._runner.run(_whole(anext(given, end)))) is not end:
            yield one


async def _whole(awaitable: Any) -> Any:
    return await awaitable


@contextmanager
def blocking(*args: Any, **named: Any) -> Iterator[AnyClient]:
    with Client(*args, **named) as client:
        yield client


@contextmanager
def awaited(*args: Any, **named: Any) -> Iterator[AnyClient]:
    with asyncio.Runner() as runner:
        client = AsyncClient(*args, **named)
        try:
            yield _Awaited(runner, client)
        finally:
            runner.run(client.close())
