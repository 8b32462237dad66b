"""DIR/manifest.jsonl: a line for each job with its files, added as they are saved."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.batch.journal import Journal
from cli.complaint import ComplaintError
from segq_client import BatchResult

Entry = Mapping[str, Any]


class Manifest:
    """Of a name the last line counts: a job that was run again ends twice."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """`fresh`: what is there is of another, which is about to be put aside. Raises
        `ComplaintError` where it is no manifest: it would be written anew without what it says.
        """
        self.path = folder / "manifest.jsonl"
        self._folder = folder
        self._journal = Journal(self.path)
        there = [] if fresh else list(self._journal.read())
        if not all(map(is_entry, there)):
            raise ComplaintError(
                f"{self.path} has lines that are none of a manifest of segq: move it away, or name "
                "another folder"
            )
        self.entries: dict[str, Entry] = {one["custom_id"]: one for one in there}

    def has(self, result: BatchResult) -> bool:
        """Whether this result is noted, and every file of it there with its size."""
        entry = self.of(result)
        if entry is None or (entry["state"], entry["cost"]) != (result.state, str(result.cost)):
            return False
        if result.data_removed:
            # What it had made is told no more: what was noted before counts.
            return entry.get("unsaved", "") == unsaved_of_removed(result) or self.is_whole(entry)
        return (
            entry["error"] == error_of(result)
            and len(entry["files"]) == len(result.outputs)
            and self.is_whole(entry)
        )

    def of(self, result: BatchResult) -> Entry | None:
        """What is noted of its job."""
        entry = self.entries.get(result.custom_id)
        return entry if entry is not None and entry["job_id"] == result.job_id else None

    def is_whole(self, entry: Entry) -> bool:
        """Whether its files are there."""
        return not entry.get("unsaved") and len(self.there(entry)) == len(entry["files"])

    def there(self, entry: Entry) -> list[Mapping[str, Any]]:
        """Its files that are there, with their sizes."""
        files: Sequence[Mapping[str, Any]] = entry["files"]
        return [one for one in files if _size(self._folder / one["path"]) == one["bytes"]]

    @property
    def owners(self) -> dict[str, tuple[str, str]]:
        """Of which batch and line the files are, by their paths in the folder."""
        return {
            one["path"]: (entry["batch"], name)
            for name, entry in self.entries.items()
            for one in entry["files"]
        }

    def add(self, entries: Sequence[Entry]) -> None:
        """Raises OSError."""
        self._journal.add(entries)
        self.entries |= {one["custom_id"]: one for one in entries}

    def sort(self, order: Iterable[str]) -> None:
        """Write it anew in this order; lines that are in the list no more stand at the end.

        Raises OSError.
        """
        places = {name: n for n, name in enumerate(order)}
        entries = sorted(
            self.entries.values(), key=lambda one: places.get(one["custom_id"], len(places))
        )
        renumbered = [
            {**one, "position": places.get(one["custom_id"], one["position"])} for one in entries
        ]
        self._journal.write_anew(renumbered)
        self.entries = {one["custom_id"]: one for one in renumbered}


def is_entry(found: Entry) -> bool:
    """Whether it is a line of a manifest, as far as it is relied on."""
    texts = ("custom_id", "job_id", "batch", "state", "cost")
    files = found.get("files")
    return (
        all(isinstance(found.get(one), str) for one in texts)
        and isinstance(found.get("position"), int)
        and isinstance(found.get("error"), dict | None)
        and isinstance(files, list)
        and all(map(_is_file, files))
    )


def _is_file(found: object) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("path"), str)
        and isinstance(found.get("bytes"), int)
    )


def entry_of(
    batch: str, position: int, result: BatchResult, files: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A result as the manifest has it. Money is decimal text in USD."""
    return {
        "custom_id": result.custom_id,
        "position": position,
        "job_id": result.job_id,
        "batch": batch,
        "state": result.state,
        "cost": str(result.cost),
        "seed": result.seed,
        "files": list(files),
        "error": error_of(result),
    }


def entry_of_removed(
    batch: str, position: int, result: BatchResult, before: Entry | None, files: Sequence[Any]
) -> dict[str, Any]:
    """One whose data is kept no more, by what was noted `before`; `files`: those that are here."""
    entry = entry_of(batch, position, result, files)
    if before is not None and before["state"] == result.state:
        entry["error"] = before["error"]
    unsaved = unsaved_of_removed(result)
    return {**entry, "unsaved": unsaved} if unsaved else entry


def unsaved_of_removed(result: BatchResult) -> str:
    """Why its images cannot be had any more; "": it had none."""
    if result.outputs_removed_at is None:
        return ""
    return f"its images were removed at {result.outputs_removed_at}"


def error_of(result: BatchResult) -> dict[str, Any] | None:
    """Why it did not succeed, as the manifest has it."""
    error = result.error
    if error is None:
        return None
    return {"kind": error.kind, "message": error.message, "advice": error.advice}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
