"""DIR/manifest.jsonl: a line for each job with its files, added as they are saved."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.batch.journal import Journal
from segq_client import BatchResult

Entry = Mapping[str, Any]


class Manifest:
    """Of a name the last line counts: a job that was run again ends twice."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """`fresh`: what is there is of another, which is about to be put aside."""
        self.path = folder / "manifest.jsonl"
        self._folder = folder
        self._journal = Journal(self.path)
        there = () if fresh else self._journal.read()
        self.entries: dict[str, Entry] = {one["custom_id"]: one for one in there}

    def has(self, result: BatchResult) -> bool:
        """Whether this result is noted, and every file of it there with its size."""
        entry = self.entries.get(result.custom_id)
        return (
            entry is not None
            and (entry["job_id"], entry["state"]) == (result.job_id, result.state)
            and len(entry["files"]) == len(result.outputs)
            and self.is_whole(entry)
        )

    def is_whole(self, entry: Entry) -> bool:
        """Whether its files are there."""
        return not entry.get("unsaved") and all(
            _size(self._folder / one["path"]) == one["bytes"] for one in entry["files"]
        )

    @property
    def paths(self) -> set[str]:
        """Of all files that are its."""
        return {one["path"] for entry in self.entries.values() for one in entry["files"]}

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


def entry_of(
    batch: str, position: int, result: BatchResult, files: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A result as the manifest has it. Money is decimal text in USD."""
    error = result.error
    return {
        "custom_id": result.custom_id,
        "position": position,
        "job_id": result.job_id,
        "batch": batch,
        "state": result.state,
        "cost": str(result.cost),
        "seed": result.seed,
        "files": list(files),
        "error": None
        if error is None
        else {"kind": error.kind, "message": error.message, "advice": error.advice},
    }


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
