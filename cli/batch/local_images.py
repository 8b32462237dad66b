"""Images that are files here: found, looked at once, known by their content, uploaded once."""

import hashlib
import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from cli.batch.journal import Journal
from cli.model_input import NO_FILE
from cli.tilde import expanded
from segq_client import Client, InvalidFieldsError

LARGEST = 20_000_000
"""Bytes, as the API takes it."""
_FORMATS = ("JPEG", "PNG", "WEBP")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_AT_ONCE = 4
_NOTED_AT_ONCE = 50
_SURELY_THERE_SECONDS = 86_400.0


class BadImageError(Exception):
    """Why a file is no image that can be sent."""


class ChangedImageError(BadImageError):
    """It is another image by now than it was when it was looked at."""


@dataclass(frozen=True)
class _Sent:
    """What stands for an image at the gateway, and when it was uploaded last (Unix time)."""

    reference: str
    at: float


class LocalImages:
    """`folders`: where a relative path is looked for, the first in which it is found. `gateway`: the
    URL to which images are uploaded; what another knows or refuses does not count.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        notes: Journal,
        gateway: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folders = folders
        self._notes = notes
        self._gateway = gateway
        self._now = now
        self._digests: dict[tuple[str, int, int], str] = {}
        self._sent: dict[str, _Sent] = {}
        self._refused: dict[str, str] = {}
        for one in notes.read():
            if "path" in one:
                self._digests[one["path"], one["size"], one["mtime_ns"]] = one["sha256"]
            elif one.get("gateway") != gateway:
                continue
            elif "reference" in one:
                self._sent[one["sha256"]] = _Sent(one["reference"], one["at"])
            else:
                self._refused[one["sha256"]] = one["refused"]

    def path_of(self, text: str, folders: Sequence[Path] | None = None) -> Path | None:
        """Where it is, in `folders` or its own; None: it is no file but an address.

        Raises `BadImageError`.
        """
        if text.lower().startswith(NO_FILE):
            return None
        foreign = _SCHEME.match(text)
        if foreign:
            raise BadImageError(f"{foreign[1]}:// is not read; give a file, or http(s):// or data:")
        own = expanded(text)
        tried = (
            [own]
            if own.is_absolute()
            else [one / own for one in (self._folders if folders is None else folders)]
        )
        for path in tried:
            try:
                if path.is_file():
                    return path.resolve()
            except (OSError, ValueError) as error:  # too long a name, a NUL in it
                raise BadImageError(f"{text[:100]!r} is no path: {error}") from None
        raise BadImageError(f"there is no file {' or '.join(map(str, tried))}")

    def looked_at(self, paths: Sequence[Path]) -> tuple[dict[Path, str], dict[Path, str]]:
        """The SHA-256 of each that is whole, and why others are not. What is known is not read again."""
        good: dict[Path, str] = {}
        bad: dict[Path, str] = {}
        fresh: list[dict[str, object]] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for path, (key, found) in zip(paths, pool.map(self._look, paths), strict=True):
                if isinstance(found, BadImageError):
                    bad[path] = str(found)
                    continue
                if found in self._refused:
                    bad[path] = self._refused[found]
                else:
                    good[path] = found
                if key not in self._digests:
                    self._digests[key] = found
                    noted = zip(("path", "size", "mtime_ns"), key, strict=True)
                    fresh.append({**dict(noted), "sha256": found})
        self._notes.add(fresh)
        return good, bad

    def reference(self, digest: str) -> str | None:
        """What stands for an image at the gateway; None: it was not uploaded yet."""
        sent = self._sent.get(digest)
        return None if sent is None else sent.reference

    def is_to_upload(self, digest: str) -> bool:
        """Whether it was not uploaded, or so long ago that it may be gone: the gateway keeps one that
        no job needs for some days. What is there is only kept for longer by that.
        """
        sent = self._sent.get(digest)
        return sent is None or not 0 <= self._now() - sent.at < _SURELY_THERE_SECONDS

    def upload(
        self, client: Client, wanted: Mapping[str, Path], told: Callable[[int], None]
    ) -> dict[str, str]:
        """Upload those that are to be, several at once; why some were refused, by their digests.

        `told` hears how many are left, after each. Raises the client's errors, and `ChangedImageError`
        where one is no more what was asked for.
        """
        left = {digest: path for digest, path in wanted.items() if self.is_to_upload(digest)}
        refused: dict[str, str] = {}
        fresh: list[dict[str, object]] = []
        pool = ThreadPoolExecutor(_AT_ONCE)

        def send(digest: str, path: Path) -> str | BadImageError:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != digest:
                raise ChangedImageError(
                    f"{path} was changed meanwhile: give the same command again"
                )
            try:
                return client.upload(data)
            except InvalidFieldsError as error:
                return BadImageError("; ".join(one.message for one in error.errors))

        try:
            for n, (digest, found) in enumerate(
                zip(left, pool.map(send, left.keys(), left.values()), strict=True)
            ):
                if isinstance(found, BadImageError):
                    refused[digest] = self._refused[digest] = str(found)
                    noted: dict[str, object] = {"refused": str(found)}
                else:
                    sent = self._sent[digest] = _Sent(found, self._now())
                    noted = asdict(sent)
                fresh.append({"sha256": digest, "gateway": self._gateway, **noted})
                if len(fresh) >= _NOTED_AT_ONCE:
                    self._notes.add(fresh)
                    fresh = []
                told(len(left) - n - 1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            self._notes.add(fresh)
        return refused

    def _look(self, path: Path) -> tuple[tuple[str, int, int], str | BadImageError]:
        key = (str(path), 0, 0)
        try:
            found = path.stat()
            key = (str(path), found.st_size, found.st_mtime_ns)
            known = self._digests.get(key)
            return key, known or _examined(path, found.st_size)
        except OSError as error:
            return key, BadImageError(error.strerror or str(error))
        except BadImageError as error:
            return key, error


def _examined(path: Path, size: int) -> str:
    """Its SHA-256, once it was decoded whole. Raises `BadImageError` and OSError."""
    if size > LARGEST:
        raise BadImageError(f"has {size:,} bytes, and {LARGEST:,} is the most")
    data = path.read_bytes()
    if not data:
        raise BadImageError("is empty")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            # All of it: a file that was cut off opens well.
            image.load()
    except Exception as error:  # noqa: BLE001  # Pillow raises whatever broken bytes lead to
        why = str(error).partition(" <_io")[0].replace("cannot identify image file", "")
        raise BadImageError(
            f"is no whole JPEG, PNG or WebP: {why.strip() or 'not known'}"
        ) from None
    return hashlib.sha256(data).hexdigest()
