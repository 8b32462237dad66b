"""The ``image`` strings that calls sent, each kept once, for the history to show."""

import threading
from collections import OrderedDict
from pathlib import Path

MOST_IMAGES = 20_000
MOST_BYTES = 1_000_000_000
SHORT = 2_000
"""Characters. What is no longer, a URL, is kept in memory (40 MB at the most), the rest on disk."""


class SentImages:
    """Strings by the sha256 (hex) of their UTF-8; what was sent longest ago goes first."""

    def __init__(self, folder: Path, most: int = MOST_IMAGES, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        # Each with its text, or with the length of its file in bytes.
        self._kept: OrderedDict[str, str | int] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, digest: str, text: str) -> None:
        """Keep ``text``, or note that it came again. For a thread: it may write 22 MB."""
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return
            if len(text) <= SHORT:
                self._kept[digest] = text
            else:
                self._kept[digest] = self._file(digest).write_bytes(text.encode())
                self._bytes += self._length(digest)
            while len(self._kept) > self._most or self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def get(self, digest: str) -> str | None:
        """The text, None if it is not kept. For a thread: it may read 22 MB."""
        with self._lock:
            found = self._kept.get(digest)
            return self._file(digest).read_text("utf-8") if isinstance(found, int) else found

    def _drop(self, digest: str) -> None:
        length = self._length(digest)
        if length:
            self._file(digest).unlink()
            self._bytes -= length
        del self._kept[digest]

    def _length(self, digest: str) -> int:
        """Bytes of its file, 0 where it has none."""
        found = self._kept[digest]
        return found if isinstance(found, int) else 0

    def _file(self, digest: str) -> Path:
        return self._folder / digest
