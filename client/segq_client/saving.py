"""Images from the gateway into files, whole or not at all."""

import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from segq_client import calls
from segq_client.flow import Flow, Work
from segq_client.job import Job, Output
from segq_client.retrying import Retrying

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


def saved(output: Output, path: str | Path, retrying: Retrying) -> Flow[Path]:
    """Download an output to `path`."""
    target = Path(path)
    image = yield from retrying.answered(calls.image(output))
    yield Work(partial(_write, image, target))
    return target


def saved_all(job: Job, folder: str | Path, retrying: Retrying) -> Flow[list[Path]]:
    """Download all outputs of a job into a folder, under the names that the gateway gives them."""
    targets: list[Path] = []
    for output, name in zip(job.outputs, _names(job), strict=True):
        targets.append((yield from saved(output, Path(folder, name), retrying)))
    return targets


def _names(job: Job) -> Iterator[str]:
    for number, output in enumerate(job.outputs):
        kind = output.content_type.partition(";")[0].strip().lower()
        yield f"{job.model}-{job.id}-{number}{_SUFFIXES.get(kind, '')}"


def _write(image: bytes, target: Path) -> None:
    """Beside `target`, then renamed onto it: what breaks off leaves neither half an image nor a draft."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as file:
            file.write(image)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
