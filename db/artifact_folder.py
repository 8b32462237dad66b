"""Artifacts in a local folder, or in one that several hosts share."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from db.artifacts import PIECE, ArtifactsAway, ArtifactsRefused, Pieces, parts_of_key

_MOST_REMEMBERED = 50_000
_NOT_A_PLACE = (PermissionError, NotADirectoryError, FileExistsError)


class FolderArtifacts:
    """Files below one folder. The bytes are flushed before the name appears, and the name too."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when it is missing. Raises `ArtifactsAway`."""
        self._folder = folder
        # Folders that are known to be on disk: a put looks at none of them and flushes its own only.
        self._made: set[Path] = set()
        with _answers():
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def place(self) -> str:
        return f"the folder {self._folder.absolute()} on {socket.gethostname()}"

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _answers():
            try:
                self._write(path, data)
            except FileNotFoundError:  # somebody has removed the folder since
                self._made.clear()
                self._write(path, data)

    def get(self, key: str) -> bytes:
        with _answers():
            return self._path(key).read_bytes()

    def read(self, key: str, first: int, length: int) -> Pieces:
        path = self._path(key)
        with _answers():
            file = path.open("rb", buffering=0)
            file.seek(first)
        return _FilePieces(file, length)

    def has(self, key: str) -> bool:
        with _answers():
            return self._path(key).is_file()

    def list(self, prefix: str) -> Iterator[str]:
        with _answers(), suppress(FileNotFoundError):
            for entry in self._path(prefix).iterdir():
                if not entry.name.startswith("."):  # unfinished
                    yield f"{prefix}/{entry.name}"

    def remove(self, key: str) -> None:
        with _answers():
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder.joinpath(*parts_of_key(key))

    def _write(self, path: Path, data: bytes) -> None:
        folder = path.parent
        if folder not in self._made:
            self._make(folder)
        unfinished = folder / f".{path.name}.{secrets.token_hex(6)}"
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                _write_all(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(unfinished, path)  # noqa: PTH105  # path.replace would make another Path
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _flush_folder(folder)

    def _make(self, folder: Path) -> None:
        """Make what is missing and flush every name on the way, also those that others made.

        Whoever made a folder may not have flushed its name yet when the first file in it is done.
        """
        if folder == self._folder:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            if folder.parent not in self._made:
                self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            _flush_folder(folder.parent)
        if len(self._made) >= _MOST_REMEMBERED:
            self._made.clear()
        self._made.add(folder)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # a disk that fills up takes a part
        rest = rest[os.write(handle, rest) :]


class _FilePieces(Iterator[bytes]):
    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file = file
        self._left = length

    def __next__(self) -> bytes:
        piece = b""
        if self._left > 0:
            with _answers():
                piece = self._file.read(min(PIECE, self._left))
        self._left -= len(piece)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        self._file.close()
        self._left = 0


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except _NOT_A_PLACE as error:
        raise ArtifactsRefused(f"the artifact folder cannot be used: {error}") from error
    except OSError as error:
        raise ArtifactsAway(f"the artifact folder cannot be used now: {error}") from error
