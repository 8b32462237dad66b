"""A file of JSON Lines that is only ever added to; what a crash has cut off does not count."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a write says where no room is left."""


class Journal:
    """One such file. Of the last line only the whole is read, and the next one takes its place."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Iterator[dict[str, Any]]:
        """Every whole line that is an object."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        *lines, _ = content.split(b"\n")
        for line in lines:
            try:
                found = json.loads(line)
            except ValueError:
                continue  # pages that a power cut has left empty
            if isinstance(found, dict):
                yield found

    def add(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Write lines behind the last whole one, to the disk. Raises OSError."""
        written = b"".join(_line(one) for one in found)
        if not written:
            return
        with self.path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            if end and file.read(1) != b"\n":
                written = b"\n" + written
            file.write(written)
            file.flush()
            os.fsync(file.fileno())

    def write_anew(self, found: Iterable[Mapping[str, Any]]) -> None:
        """Replace all of it, in one step. Raises OSError."""
        write_whole(self.path, b"".join(_line(one) for one in found))


def write_whole(path: Path, content: bytes) -> None:
    """The old file or the new one is there, whatever happens, and the new one once this returns."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _line(one: Mapping[str, Any]) -> bytes:
    try:
        written = json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a file's name that is no UTF-8
        written = json.dumps(one, separators=(",", ":")).encode()
    return written + b"\n"
