"""A ZIP file of images, written while it is sent: it is never whole anywhere."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

import structlog

from api_gateway.batches.image_names import file_name
from db.artifacts import ArtifactStore
from db.batch_results import Page

log = structlog.get_logger()


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

    One whose bytes are gone is left out.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for page in pages:
            for one in page.results:
                for output in one.job.outputs:
                    try:
                        pieces = store.read(output.artifact, 0, output.bytes)
                    except FileNotFoundError:
                        log.warning("image_left_out", job=str(one.job.id), n=output.n)
                        continue
                    entry = zipfile.ZipInfo(file_name(one, output), _moment(one.job.finished_at))
                    entry.external_attr = 0o644 << 16
                    # Said before, so that no entry is larger than its head says it may be.
                    entry.file_size = output.bytes
                    with archive.open(entry, "w") as file:
                        for piece in pieces:
                            file.write(piece)
                            yield sink.taken()
    yield sink.taken()


def _moment(ended: datetime | None) -> tuple[int, int, int, int, int, int]:
    """ZIP knows no zones, and nothing before 1980."""
    moment = (ended or datetime(1980, 1, 1, tzinfo=UTC)).astimezone(UTC)
    return (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
