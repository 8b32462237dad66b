"""A ZIP file of images, written while it is sent: it is never whole anywhere."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from api_gateway.batches.image_names import file_name
from db.artifacts import ArtifactStore, Pieces
from db.batch_results import Page, Result
from db.rows import Output
from jobs.retention import Removed

LEFT_OUT = "left-out.txt"
_MOST_NAMED = 10_000


class _Sink:
    """Takes what `zipfile` writes, for whoever sends it on. It cannot be sought in, so `zipfile` puts
    the sizes behind each file.
    """

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, b: bytes, /) -> int:
        self._written.append(bytes(b))
        return len(b)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def taken(self) -> bytes:
        """What was written since."""
        written, self._written = b"".join(self._written), []
        return written


class ZipFile:
    """Every image as it is: JPEGs do not get smaller.

    Those that are removed, or whose bytes are gone, are left out and named in `LEFT_OUT` at the end.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._sink = _Sink()
        self._archive = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._left_out = _LeftOut()

    def add(self, page: Page) -> Iterator[bytes]:
        """The bytes of the images of this page, piece by piece."""
        for one in page.results:
            for output in one.job.outputs:
                name = file_name(one, output)
                pieces = _pieces(one, output, self._store)
                if pieces is None:
                    self._left_out.add(name)
                    continue
                entry = zipfile.ZipInfo(name, _moment(one.job.finished_at))
                entry.external_attr = 0o644 << 16
                # Said before, so that no entry is larger than its head says it may be.
                entry.file_size = output.bytes
                with self._archive.open(entry, "w") as file:
                    for piece in pieces:
                        file.write(piece)
                        yield self._sink.taken()

    def end(self) -> bytes:
        """What names them all, behind the last of them."""
        if self._left_out.count:
            self._archive.writestr(LEFT_OUT, self._left_out.text())
        self._archive.close()
        return self._sink.taken()


def _pieces(one: Result, output: Output, store: ArtifactStore) -> Pieces | None:
    """Of an image that is kept, its bytes; whose time has passed is shown to nobody."""
    if one.job.removed is not Removed.NOTHING:
        return None
    try:
        return store.read(output.artifact, 0, output.bytes)
    except FileNotFoundError:
        return None


@dataclass
class _LeftOut:
    count: int = 0
    _names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self._names) < _MOST_NAMED:
            self._names.append(name)

    def text(self) -> str:
        more = self.count - len(self._names)
        names = [*self._names, *([f"and {more:,} more"] if more else [])]
        return "\n".join(["These images are not kept any more:", *names, ""])


def _moment(ended: datetime | None) -> tuple[int, int, int, int, int, int]:
    """ZIP knows no zones, and nothing before 1980."""
    moment = (ended or datetime(1980, 1, 1, tzinfo=UTC)).astimezone(UTC)
    return (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
