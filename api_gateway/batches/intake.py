"""An upload on its way into a batch: cut into records, checked, and kept, a thousand at a time.

While one chunk is being kept the next one is read and checked; nothing more is read than that, so an
upload of any length takes the same memory, and its sender waits for the database.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api_gateway.batches.lines import LineReader
from api_gateway.batches.records import CsvRows, JsonArray, JsonLines, Record
from api_gateway.batches.unpacking import Gunzip, Plain
from api_gateway.images_in import Picture
from db.batch_rows import Line, Rejection, Taken
from jobs.errors import FieldProblem, InvalidInput, Refusal

T = TypeVar("T")

CHUNK = 1_000
"""Lines in one commit."""
_CHUNK_BYTES = 2_000_000
MOST_STRICT = 10_000
"""Lines that are held until the last one was checked."""
MOST_STRICT_IMAGES = 64_000_000
"""Bytes of images in such lines."""
MOST_STRICT_REJECTED = 1_000
"""With so many nothing more is read: none will be kept."""
MOST_WITHOUT_A_LINE = 16_000_000
"""Bytes. A few kilobytes of gzip can be megabytes of nothing."""
MOST_TOLD = 100
"""Rejected lines that an answer names; the others are read from the batch."""


class Aside(Protocol):
    """Runs what takes long beside the event loop, and away from the threads of short queries."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """What it comes to."""
        ...


class Cutter(Protocol):
    """Cuts an upload of one format into records."""

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The records that end in this piece."""

    def end(self) -> Iterator[Record]:
        """What was begun."""


CUTTERS: dict[str, Callable[[], Cutter]] = {
    "application/jsonl": JsonLines,
    "application/x-ndjson": JsonLines,
    "application/json": JsonArray,
    "text/csv": CsvRows,
}
"""By Content-Type."""


@dataclass
class Came:
    """What became of an upload so far. `wrong`: why its rest could not be read."""

    accepted: int = 0
    known: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    stopped: tuple[int, Refusal] | None = None
    wrong: tuple[FieldProblem, ...] = ()

    def add(self, taken: Taken) -> None:
        self.accepted += taken.accepted
        self.known += taken.known
        self.rejected += len(taken.rejections)
        room = MOST_TOLD - len(self.rejections)
        self.rejections += taken.rejections[:room]
        self.stopped = taken.stopped


@dataclass
class Chunk:
    """Records that were checked. `pictures` came inside lines, and are to be kept before them."""

    lines: list[Line] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def __iadd__(self, other: "Chunk") -> Self:
        self.lines += other.lines
        self.rejections += other.rejections
        self.pictures += other.pictures
        return self


@dataclass(frozen=True)
class Ways:
    """What an upload has others do: `aside` runs slow work in one of the few threads that are for it,
    `store` keeps images, and `keep` a chunk in one commit, raising what `BatchIntake.take` raises.
    """

    aside: Aside
    store: Callable[[Sequence[Picture]], None]
    keep: Callable[[Chunk], Taken]


class Intake:
    """One upload. Whatever cuts it off, the lines that had come whole are kept."""

    def __init__(self, cutter: Cutter, reader: LineReader, ways: Ways, *, gzipped: bool) -> None:
        self._cutter = cutter
        self._reader = reader
        self._ways = ways
        self._unpack: Gunzip | Plain = Gunzip() if gzipped else Plain()
        self._gathered: list[Record] = []
        self._size = 0
        self._without_a_line = 0
        self._under_way: asyncio.Task[Taken] | None = None
        self.came = Came()

    async def run(self, pieces: AsyncIterator[bytes]) -> Came:
        """Take all of it. Raises `ClientDisconnect` and what keeping raises."""
        try:
            await self._take_all(pieces)
            await self._end()
        except InvalidInput as error:
            self.came.wrong = error.problems
            await self._cut_off()
        except ClientDisconnect:
            await self._cut_off()
            raise
        finally:
            await self._give_up()
        return self.came

    async def _take_all(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            parts = self._unpack.feed(piece)
            while await self._cut(lambda parts=parts: self._next_part(parts)):  # type: ignore[misc]
                pass
            if self.came.stopped is not None:
                return
        self._unpack.end()
        await self._cut(self._cutter.end)
        await self._check()

    def _next_part(self, parts: Iterator[bytes]) -> Iterator[Record] | None:
        part = next(parts, None)
        if part is None:
            return None
        self._without_a_line += len(part)
        return self._cutter.feed(part)

    async def _cut(self, cut: Callable[[], Iterator[Record] | None]) -> bool:
        """Gather what `cut` gives; False: there was nothing to cut. What comes before a mistake is
        gathered, too.
        """
        found: list[Record] = []

        def work() -> bool:
            records = cut()
            # One by one: a list of all would be lost with the first mistake.
            for record in records or ():
                found.append(record)  # noqa: PERF402
            return records is not None

        try:
            more = await self._ways.aside(work)
        except InvalidInput:
            await self._add(found)
            raise
        await self._add(found)
        if self._without_a_line > MOST_WITHOUT_A_LINE:
            why = f"has {MOST_WITHOUT_A_LINE:,} bytes without the end of a line"
            raise InvalidInput([FieldProblem("body", why)])
        return more

    async def _add(self, records: Sequence[Record]) -> None:
        if records:
            self._without_a_line = 0
        for record in records:
            self._gathered.append(record)
            self._size += len(record.raw or b"")
            if len(self._gathered) >= CHUNK or self._size >= _CHUNK_BYTES:
                await self._check()

    async def _check(self) -> None:
        """Check what was gathered, and have it kept."""
        gathered, self._gathered, self._size = self._gathered, [], 0
        if gathered and self.came.stopped is None:
            await self._take(await self._ways.aside(lambda: self._checked(gathered)))

    def _checked(self, gathered: list[Record]) -> Chunk:
        chunk = Chunk()
        for record in gathered:
            found = self._reader.read(record)
            if isinstance(found, Line):
                chunk.lines.append(found)
            elif found is not None:
                chunk.rejections.append(found)
        chunk.pictures, self._reader.pictures = self._reader.pictures, []
        return chunk

    async def _take(self, chunk: Chunk) -> None:
        """Have it kept once the chunk before is, while the next one is read."""
        await self._end()
        if self.came.stopped is None:
            self._under_way = asyncio.ensure_future(self._kept(chunk))

    async def _kept(self, chunk: Chunk) -> Taken:
        """The images that came in lines first, so that no job stands without its own."""
        if chunk.pictures:
            await self._ways.aside(lambda: self._ways.store(chunk.pictures))
        return await run_in_threadpool(self._ways.keep, chunk)

    async def _end(self) -> None:
        """All that was checked is kept."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            self.came.add(await under_way)

    async def _give_up(self) -> None:
        """Wait for a chunk that is being kept while something else went wrong: that is told."""
        if self._under_way is not None:
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _cut_off(self) -> None:
        """The upload ends early: what had come whole is kept."""
        with suppress(InvalidInput):
            await self._check()
        await self._end()


class StrictIntake(Intake):
    """One upload of which all lines are kept, in one commit, or none."""

    def __init__(self, cutter: Cutter, reader: LineReader, ways: Ways, *, gzipped: bool) -> None:
        super().__init__(cutter, reader, ways, gzipped=gzipped)
        self._all = Chunk()

    async def _take(self, chunk: Chunk) -> None:
        self._all += chunk
        if len(self._all.lines) > MOST_STRICT:
            why = f"may have at most {MOST_STRICT:,} lines with strict=true: send it in parts"
            raise InvalidInput([FieldProblem("body", why)])
        if sum(len(one.data) for one in self._all.pictures) > MOST_STRICT_IMAGES:
            why = f"may hold {MOST_STRICT_IMAGES:,} bytes of images with strict=true: upload them first"
            raise InvalidInput([FieldProblem("body", why)])
        if len(self._all.rejections) > MOST_STRICT_REJECTED:
            why = f"has more than {MOST_STRICT_REJECTED:,} lines that cannot be taken, so none was"
            raise InvalidInput([FieldProblem("body", why)])

    async def _end(self) -> None:
        # One whose like is there already may be no rejection.
        if all(one.digest is not None for one in self._all.rejections) and not self.came.wrong:
            self.came.add(await self._kept(self._all))
        else:
            self.came.add(Taken(0, 0, tuple(self._all.rejections)))

    async def _cut_off(self) -> None:
        """Nothing is kept."""
