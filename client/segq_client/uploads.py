"""Files among a job's parameters: each content is sent once, and a reference stands in its place."""

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from segq_client import calls
from segq_client.flow import Flow, Join, Work
from segq_client.retrying import Retrying

File: TypeAlias = os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""What is uploaded where it stands among parameters. Text never is: it may be a URL or a prompt."""

_MOST_KNOWN = 10_000
_SURELY_THERE_SECONDS = 86_400.0
"""The gateway keeps an image that no job needs for some days."""


@dataclass(frozen=True)
class Content:
    """What a file holds; `digest` is its SHA-256."""

    data: bytes = field(repr=False, compare=False)
    digest: str


class _Sending(Future[str | None]):
    """Its result is the reference; None: its flow ended without one, and whoever waits takes its
    place. `at`: when it was sent.
    """

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = at
        # Or a waiting task that is cancelled would cancel it for all.
        self.set_running_or_notify_cancel()


class Uploads:
    """The contents that one client has sent, or is sending at this moment.

    Flows that need the same content at once wait for the first of them. What was sent a day ago is
    sent again.
    """

    def __init__(self, retrying: Retrying, clock: Callable[[], float] = time.time) -> None:
        self._retrying = retrying
        self._clock = clock
        # Each of its methods is done as a whole, whichever thread calls it.
        self._known: OrderedDict[str, _Sending] = OrderedDict()

    def upload(self, file: str | File, key: str | None = None) -> Flow[str]:
        """Send it in any case. Here a text is a path."""
        given = Path(file) if isinstance(file, str) else file
        content: Content = yield Work(partial(content_of, given))
        self.forget(content)
        return (yield from self._reference(content, key))

    def placed(self, loaded: Any) -> Flow[Any]:
        """What `loaded` gave, with references in the place of contents."""
        references: dict[str, str] = {}
        for content in contents_in(loaded):
            references[content.digest] = yield from self._reference(content)
        return _each(loaded, lambda one: _swapped(one, references))

    def sent_before(self, loaded: Any) -> list[Content]:
        """Those of its contents that need not be sent."""
        return [one for one in contents_in(loaded) if self._is_kept(one)]

    def forget(self, content: Content) -> None:
        """Send it again when it is needed next; the gateway does not have it any more."""
        if self._is_kept(content):
            self._known.pop(content.digest, None)

    def _is_kept(self, content: Content) -> bool:
        future = self._known.get(content.digest)
        return future is not None and future.done()

    def _reference(self, content: Content, key: str | None = None) -> Flow[str]:
        mine = _Sending(self._clock())
        there = self._known.get(content.digest)
        if there is not None and not 0 <= mine.at - there.at < _SURELY_THERE_SECONDS:
            self.forget(content)
        while (other := self._known.setdefault(content.digest, mine)) is not mine:
            found: str | None = yield Join(other)
            if found is not None:
                return found
        try:
            reference = yield from self._retrying.answered(calls.upload(content.data, key))
        except BaseException:  # also when the flow is given up: nobody may wait for ever
            self._known.pop(content.digest, None)
            mine.set_result(None)
            raise
        mine.set_result(reference)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return reference


def loaded(value: Any) -> Flow[Any]:
    """The value with contents in the place of files: an open file can be read once only."""
    found: Any = yield Work(partial(with_contents, value))
    return found


def with_contents(value: Any) -> Any:
    """As `loaded`, here and now: blocks, and raises as `content_of`."""
    return _each(value, _loaded)


def contents_in(loaded: Any) -> list[Content]:
    """Each once."""
    found: dict[str, Content] = {}
    _each(loaded, lambda one: _noted(one, found))
    return list(found.values())


def is_file(value: object) -> bool:
    """Whether it is one to upload."""
    kinds = (os.PathLike, bytes, bytearray, memoryview)
    return isinstance(value, kinds) or hasattr(value, "read")


def content_of(file: Any) -> Content:
    """Read it; blocks. Raises OSError, and TypeError for a file that is open as text."""
    if isinstance(file, os.PathLike):
        data = Path(file).read_bytes()
    elif hasattr(file, "read"):
        data = file.read()
        if not isinstance(data, bytes):
            raise TypeError(f"{file!r} does not read as bytes: open it with mode 'rb'")
    else:
        data = bytes(file)
    return Content(data, hashlib.sha256(data).hexdigest())


def _each(value: Any, act: Callable[[Any], Any]) -> Any:
    """The value with `act` done to all that is in it; mappings and lists are walked through."""
    match value:
        case Mapping():
            return {name: _each(one, act) for name, one in value.items()}
        case list() | tuple():
            return [_each(one, act) for one in value]
        case _:
            return act(value)


def _loaded(value: Any) -> Any:
    return content_of(value) if is_file(value) else value


def _noted(value: Any, found: dict[str, Content]) -> None:
    if isinstance(value, Content):
        found[value.digest] = value


def _swapped(value: Any, references: Mapping[str, str]) -> Any:
    return references[value.digest] if isinstance(value, Content) else value
