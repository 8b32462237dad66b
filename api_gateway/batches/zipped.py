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


def zip_file(pages: Iterator[Page], store: ArtifactStore) -> Iterator[bytes]:
    """Every image of these pages, as it is: JPEGs do not get smaller.

    Those that are removed, or whose bytes are gone, are left out and named in `LEFT_OUT` at the end.
    """
    sink, left_out = _Sink(), _LeftOut()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for page in pages:
            for one in page.results:
                for output in one.job.outputs:
                    name = file_name(one, output)
                    pieces = _pieces(one, output, store)
                    if pieces is None:
                        left_out.add(name)
                        continue
                    entry = zipfile.ZipInfo(name, _moment(one.job.finished_at))
                    entry.external_attr = 0o644 << 16
                    # Said before, so that no entry is larger than its head says it may be.
                    entry.file_size = output.bytes
                    with archive.open(entry, "w") as file:
                        for piece in pieces:
                            file.write(piece)
                            yield sink.taken()
        if left_out.count:
            archive.writestr(LEFT_OUT, left_out.text())
    yield sink.taken()


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
