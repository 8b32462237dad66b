"""The folder of results, before anything is paid."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from cli.batch.journal import Journal
from cli.batch.manifest import Manifest, is_entry
from cli.complaint import ComplaintError

# As the client calls an image until it is whole.
_DRAFT = re.compile(r"\..+\.(jpg|png|webp|bin)\.[0-9a-f]{8}")


def make_place(out: Path) -> None:
    """Make it where it is missing; raises `ComplaintError` where it cannot be used."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ComplaintError(f"{out} is a file, where a folder is to be") from error
    except OSError as error:
        raise ComplaintError(f"{out}: {error.strerror or error}") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise ComplaintError(f"nothing can be written in the folder {out}")


def clear_drafts(out: Path) -> None:
    """Take away what a killed run was writing. Nobody else may be at work on the folder."""
    for path in out.rglob(".*"):
        if _DRAFT.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def owners_of(out: Path, manifest: Manifest) -> dict[str, str | None]:
    """Whose the files are that are there, by their paths in the folder; None: not ours.

    Those of manifests that were put aside, or will be, are left out: they may be written over.
    """
    aside = {
        one["path"]
        for path in out.glob("manifest*.jsonl")
        for entry in Journal(path).read()
        if is_entry(entry)
        for one in entry["files"]
    }
    ours = {path: name for path, (_, name) in manifest.owners.items()}
    return {path: ours.get(path) for path in _files(out) if path in ours or path not in aside}


def sheets(count: int) -> list[str]:
    """What the contact sheets of so many batches are called."""
    further = [f"contact-sheet-batch-{n}.jpg" for n in range(2, count + 1)]
    return ["contact-sheet.jpg", *further][:count]


def _files(out: Path) -> Iterator[str]:
    for path in out.rglob("*"):
        own = path.relative_to(out)
        if not any(one.startswith(".") for one in own.parts) and path.is_file():
            yield own.as_posix()
