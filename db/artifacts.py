"""The artifact store on a local folder: images in and out, and receipts.

A key is a relative path such as `outputs/<tenant>/<job>/1-0`. What `put` returned from survives a
crash: the bytes are flushed before the name appears, and the name before `put` returns.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


class ArtifactStore:
    """Files below one folder."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when it is missing."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, whole or not at all; what stood there is replaced."""
        path = self.path(key)
        self._make_folder(path.parent)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)

    def get(self, key: str) -> bytes:
        """The bytes; raises `FileNotFoundError`."""
        return self.path(key).read_bytes()

    def has(self, key: str) -> bool:
        return self.path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        """The keys directly below a folder such as `pending`, in no order."""
        folder = self.path(prefix)
        if folder.is_dir():
            for entry in folder.iterdir():
                if not entry.name.startswith("."):
                    yield f"{prefix}/{entry.name}"

    def remove(self, key: str) -> None:
        """Remove it; nothing happens when it is not there."""
        self.path(key).unlink(missing_ok=True)

    def path(self, key: str) -> Path:
        """Where `key` is kept. Raises `ValueError` for a key that leads out of the folder."""
        parts = PurePosixPath(key).parts
        if not parts or any(part in {"..", "/"} or part.startswith(".") for part in parts):
            raise ValueError(f"{key!r} is no artifact key")
        return self._folder.joinpath(*parts)

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            _flush_folder(new.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
