"""Results of a batch into a folder: images first, several at once, then their lines in the manifest."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from cli.batch.journal import FULL
from cli.batch.manifest import Manifest, entry_of, entry_of_removed
from cli.batch.names import Names, unusable
from cli.wording import suffix_for
from segq_client import BatchResult, Client, NotFoundError, Output, SegqError, UnexpectedAnswerError

AT_ONCE = 8
_NOTED_AT_ONCE = 50
_TRIES = 5
"""Of a result whose images do not come while the gateway answers, each of some seconds."""


class FullDiskError(Exception):
    """Nothing more can be written where the images go."""


class Saver:
    """Of one folder. What is there already, whole, is not fetched again."""

    def __init__(
        self,
        client: Client,
        folder: Path,
        names: Names,
        manifest: Manifest,
        *,
        is_checked: bool = True,
    ) -> None:
        """`is_checked`: that no image takes the place of a file of somebody else was seen to before."""
        self._is_checked = is_checked
        self._client = client
        self._folder = folder
        self._names = names
        self._manifest = manifest
        self._owners = manifest.owners
        self._written = set(self._owners)
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._failures: Counter[str] = Counter()
        self.last: list[str] = []
        """The images that were saved last, newest first."""

    def close(self) -> None:
        """What is being fetched is let finish; nothing else is begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def take(
        self,
        batch: str,
        results: Sequence[BatchResult],
        positions: Mapping[str, int],
        leave_out: Collection[str],
    ) -> int:
        """Save those that are not yet, and note them; how many these were.

        `leave_out`: names of lines whose results are another batch's by now. An image that does not
        come, however often it is asked for, is noted as unsaved. Raises the client's errors where all
        others are not to be had either, and `FullDiskError`; what was noted before stays.
        """
        wanted = [
            one for one in results if one.custom_id not in leave_out and not self._manifest.has(one)
        ]
        for begin in range(0, len(wanted), _NOTED_AT_ONCE):
            some = wanted[begin : begin + _NOTED_AT_ONCE]
            begun = [
                (one, self._begin(batch, one, positions.get(one.custom_id, one.position)))
                for one in some
            ]
            self._finish(batch, begun, positions)
        return len(wanted)

    def _finish(
        self,
        batch: str,
        begun: Sequence[tuple[BatchResult, list[Future[dict[str, Any]]]]],
        positions: Mapping[str, int],
    ) -> None:
        """Note all that were saved, also where others were not: they alone are fetched again."""
        entries, failure = [], None
        try:
            for one, files in begun:
                position = positions.get(one.custom_id, one.position)
                try:
                    entries.append(self._entry(batch, position, one, files))
                except SegqError as error:
                    failure = error
        finally:
            self._note(entries)
        if failure is not None:
            raise failure

    def _begin(
        self, batch: str, result: BatchResult, position: int
    ) -> list[Future[dict[str, Any]]]:
        found = []
        for n, output in enumerate(result.outputs, 1):
            name = self._names.of(
                custom_id=result.custom_id,
                position=position,
                n=n,
                images=len(result.outputs),
                job_id=result.job_id,
                seed=result.seed,
                ext=suffix_for(output.content_type),
            )
            owner = self._owners.setdefault(name, (batch, result.custom_id))
            is_ours = owner[1] == result.custom_id and (self._is_checked or owner[0] == batch)
            found.append(self._pool.submit(self._save, output, name, is_ours=is_ours))
        return found

    def _save(self, output: Output, name: str, *, is_ours: bool) -> dict[str, Any]:
        why = unusable(name)
        if why is not None:
            raise OSError(f"its image cannot be called {name!r}: {why}")
        path = self._folder / name
        if not is_ours:
            raise FileExistsError(f"{path} is the image of another line: call them otherwise")
        if not _is_there(path, output):
            if not (self._is_checked or name in self._written) and path.exists():
                raise FileExistsError(f"{path} is another's file")
            self._client.save(output, path)
            self._written.add(name)
        return {"path": name, "bytes": output.bytes}

    def _entry(
        self, batch: str, position: int, result: BatchResult, begun: list[Future[dict[str, Any]]]
    ) -> dict[str, Any]:
        if result.data_removed:
            before = self._manifest.of(result)
            here = () if before is None else self._manifest.there(before)
            return entry_of_removed(batch, position, result, before, here)
        # All of them, or one would be asked for again while it is still on its way.
        wait(begun)
        files: list[dict[str, Any]] = []
        unsaved = ""
        for one in begun:
            try:
                files.append(one.result())
            except SegqError as error:
                self._must_be_its_own(error, batch, result)
                unsaved = str(error)
            except OSError as error:
                if error.errno in FULL:
                    raise FullDiskError(f"{self._folder}: {error.strerror}") from error
                unsaved = str(error)
        self.last = [*(one["path"] for one in reversed(files)), *self.last][:5]
        entry = entry_of(batch, position, result, files)
        return {**entry, "unsaved": unsaved} if unsaved else entry

    def _must_be_its_own(self, error: SegqError, batch: str, result: BatchResult) -> None:
        """Raise it again where it may pass, or is not of this image alone: then no image can be had."""
        if isinstance(error, NotFoundError | UnexpectedAnswerError):
            return
        self._failures[result.job_id] += 1
        if error.repeat_after is not None and self._failures[result.job_id] < _TRIES:
            raise error
        self._client.batches.get(batch)

    def _note(self, entries: Sequence[dict[str, Any]]) -> None:
        try:
            self._manifest.add(entries)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise FullDiskError(f"{self._manifest.path}: {error.strerror}") from error


def _is_there(path: Path, output: Output) -> bool:
    """Saved by a run that was killed before it could say so."""
    try:
        if path.stat().st_size != output.bytes:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == output.sha256.lower()
    except OSError:
        return False
