"""Artifacts in a bucket of an S3 server."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import S3Store

if TYPE_CHECKING:  # these exist for the type checker alone
    from obstore import BytesStream, GetResult
    from obstore.store import ClientConfig, S3Config

from db.artifacts import PIECE, ArtifactsAway, ArtifactsRefused, Pieces, parts_of_key


@dataclass(frozen=True)
class S3Place:
    """A bucket, a folder in it or `""`, and what opens it; without a key, the machine's own role.

    `endpoint` is the URL of a server that is not Amazon's. `key` is the id and the secret.
    """

    bucket: str
    prefix: str = ""
    region: str = "us-east-1"
    endpoint: str | None = None
    key: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        folder = f"s3://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")
        return f"{folder} at {self.endpoint}" if self.endpoint else folder


@dataclass(frozen=True)
class Patience:
    """Seconds. A server that hangs is an error after two tries: half a minute at the most.

    `request` is for one whole try, `tries` the time after which no further one is begun. Where an
    image is read in pieces its reader may take his time, and `silence` is for the next bytes.
    """

    connect: float = 5
    request: float = 12
    tries: float = 15
    silence: float = 12


_SLOWEST_READER = 3_600.0
"""Seconds for one image, in pieces."""
_MOST_RETRIES = 3
_USUAL = Patience()
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
_REFUSING_STATUS = re.compile(r"status code: 40[13]\b")
_Answers = Callable[[], AbstractContextManager[None]]


class S3Artifacts:
    """Objects below a prefix of one bucket. A PUT is whole or not at all, and lasts once answered."""

    def __init__(self, place: S3Place, patience: Patience = _USUAL) -> None:
        """Connects to nothing yet."""
        self._place = place
        self._objects = _open(place, patience, {"timeout": _span(patience.request)})
        slow: ClientConfig = {
            "timeout": _span(_SLOWEST_READER),
            "read_timeout": _span(patience.silence),
        }
        self._streams = _open(place, patience, slow)

    @property
    def place(self) -> str:
        return str(self._place)

    def put(self, key: str, data: bytes) -> None:
        with self._answers():
            obstore.put(self._objects, _path(key), data, use_multipart=False)

    def get(self, key: str) -> bytes:
        with self._answers():
            return bytes(obstore.get(self._objects, _path(key)).bytes())

    def read(self, key: str, first: int, length: int) -> Pieces:
        path = _path(key)
        with self._answers():
            try:
                found = obstore.get(self._streams, path, options={"range": (first, first + length)})
            except exceptions.GenericError as error:
                # RFC 9110 §14.2: a server may ignore a range. obstore takes no 200 for an answer.
                if "non-partial" not in str(error):
                    raise
                found = obstore.get(self._streams, path)
        return _ObjectPieces(self._answers, found, skip=first - found.range[0], length=length)

    def has(self, key: str) -> bool:
        try:
            with self._answers():
                obstore.head(self._objects, _path(key))
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        below = len(parts_of_key(prefix)) + 1
        with self._answers():
            # A page of 1,000 at a time is asked for as the last one is used up.
            for page in obstore.list(self._objects, _path(prefix), chunk_size=1_000):
                for found in page:
                    if found["path"].count("/") + 1 == below:
                        yield found["path"]

    def remove(self, key: str) -> None:
        with self._answers(), suppress(FileNotFoundError):
            obstore.delete(self._objects, _path(key))

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except (exceptions.BaseError, FileNotFoundError) as error:
            raise self._meant(error) from error

    def _meant(self, error: Exception) -> OSError:
        """The one table from obstore's errors to those of `db.artifacts`."""
        said = str(error).partition("\n\nDebug source")[0]
        code = _CODE.search(said)
        why = code[1] if code else said.partition("\n")[0]
        # Of lists obstore tells the status in its text alone.
        if why == "NoSuchBucket":
            return ArtifactsRefused(f"{self.place} cannot be used: there is no such bucket")
        if isinstance(error, _REFUSED) or _REFUSING_STATUS.search(said):
            return ArtifactsRefused(f"{self.place} cannot be used: {why}")
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(f"{self.place} does not have it")
        return ArtifactsAway(f"{self.place} does not answer as it should: {why}")


class _ObjectPieces(Iterator[bytes]):
    def __init__(self, answers: _Answers, found: "GetResult", *, skip: int, length: int) -> None:
        self._answers = answers
        self._stream: BytesStream | None = found.stream(PIECE)
        self._skip = skip
        self._left = length

    def __next__(self) -> bytes:
        while self._stream is not None and self._left > 0:
            with self._answers():
                piece = bytes(next(self._stream, b""))
            if not piece:
                break
            wanted = piece[self._skip : self._skip + self._left]
            self._skip = max(0, self._skip - len(piece))
            self._left -= len(wanted)
            if wanted:
                return wanted
        self.close()
        raise StopIteration

    def close(self) -> None:
        self._stream = None  # its connection ends with it


def _path(key: str) -> str:
    return "/".join(parts_of_key(key))


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _open(place: S3Place, patience: Patience, limits: "ClientConfig") -> S3Store:
    options: S3Config = {"region": place.region}
    if place.endpoint is not None:
        options["endpoint"] = place.endpoint
    if place.key is not None:
        options["access_key_id"], options["secret_access_key"] = place.key
    client: ClientConfig = {
        "allow_http": (place.endpoint or "").startswith("http://"),
        "connect_timeout": _span(patience.connect),
        **limits,
    }
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        config=options,
        client_options=client,
        retry_config={"max_retries": _MOST_RETRIES, "retry_timeout": _span(patience.tries)},
    )
