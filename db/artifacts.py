"""The artifact store: images in and out, and receipts, on a folder or on an S3 server.

A key is a relative path such as `outputs/<tenant>/b3/<job>-1-0`. Both stores keep the promises of
`ArtifactStore`, and one suite of tests holds them to it.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Protocol
from uuid import UUID

PIECE = 256 * 1024
"""Bytes that `read` gives at a time, about: what a download holds in memory."""


class ArtifactsAway(OSError):  # noqa: N818  # says what it is
    """The store cannot do it now: no answer, no room, no right. Trying again later may help."""


class ArtifactsRefused(ArtifactsAway):
    """There is no such place, or no right to use it: that helps only once somebody has changed it."""


class Pieces(Iterator[bytes], Protocol):
    """Bytes as they come; to be closed by whoever does not want them all."""

    def close(self) -> None: ...


class ArtifactStore(Protocol):
    """Bytes under keys. Every verb raises `ArtifactsAway`, and `ValueError` for what is no key."""

    @property
    def place(self) -> str:
        """Where this is, for whoever runs it; holds no secret."""

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, whole or not at all; what stood there is replaced.

        Once it has returned, the bytes survive a crash.
        """

    def get(self, key: str) -> bytes:
        """The bytes; raises `FileNotFoundError`."""

    def read(self, key: str, first: int, length: int) -> Pieces:
        """`length` (≥ 1) bytes from `first` on, or up to the end, in pieces of about `PIECE` bytes.

        `first` must lie within what is kept. Raises `FileNotFoundError` when called, not when the first piece is asked for. `ArtifactsAway`
        may come from any piece.
        """

    def has(self, key: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[str]:
        """The keys directly below a folder such as `pending`, in no order."""

    def remove(self, key: str) -> None:
        """Remove it; nothing happens when it is not there."""


def output_key(tenant: UUID, job: UUID, number: int, n: int) -> str:
    """Where the n-th image of a job's attempt is kept.

    It follows from the attempt alone, so that an image is found without SQL. Two digits of the job's
    id spread a tenant's images over 256 folders: they are made once, and none grows without bound.
    """
    return f"outputs/{tenant}/{job.hex[-2:]}/{job}-{number}-{n}"


def found_key(tenant: UUID, job: UUID, number: int, n: int, mark: str) -> str:
    """Where an image of the attempt is kept that another than its own worker brings: the history, an
    operator. The worker may be keeping its own at this moment, and must not have it overwritten.

    `mark`: SHA-256 (hex) of what it was found by.
    """
    return f"{output_key(tenant, job, number, n)}-{mark[:16]}"


def parts_of_key(key: str) -> tuple[str, ...]:
    """The key's steps. Raises `ValueError` for a key that leads elsewhere, or to a hidden name."""
    parts = PurePosixPath(key).parts
    if not parts or any(part == "/" or part.startswith(".") for part in parts):
        raise ValueError(f"{key!r} is no artifact key")
    return parts
