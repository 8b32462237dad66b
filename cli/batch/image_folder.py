"""A folder of images as a list: a line for each."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.batch.lines import Line, Lines
from cli.batch.records import FOLDER
from cli.batch.wrong import Wrong, WrongListError
from cli.model_form import is_image

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def read_folder(folder: Path, parameter: str, out: Path) -> tuple[Lines, int]:
    """A line for each image below it, called by its path in it, without the suffix; and how many
    other files there are. `parameter` is the model's that takes the image; what is below `out`, or
    below another folder of results, is left out.

    Raises `WrongListError` where there is none.
    """
    if not folder.is_dir():
        raise WrongListError(Wrong(str(folder), "is no folder"))
    there = sorted(_files(folder, out.resolve()))
    images = [path for path in there if path.suffix.lower() in SUFFIXES]
    if not images:
        raise WrongListError(Wrong(str(folder), f"has no image ({', '.join(sorted(SUFFIXES))})"))
    odd = next((path for path in images if not _is_utf8(str(path.relative_to(folder)))), None)
    if odd is not None:
        raise WrongListError(Wrong(str(odd), "has a name that is not UTF-8: rename it"))
    lines = []
    for number, path in enumerate(images, 1):
        own = path.relative_to(folder)
        # Forward slashes, so that a list is the same list wherever it is made.
        custom_id = own.with_suffix("").as_posix()
        lines.append(Line(custom_id, number, str(path), {"input": {parameter: str(own)}}))
    return Lines(None, lines), len(there) - len(images)


def _files(folder: Path, out: Path) -> Iterator[Path]:
    """Results among the images would be sent as further lines the next time, and paid."""
    for name, folders, files in os.walk(folder):
        here = Path(name)
        folders[:] = [
            one
            for one in folders
            if not one.startswith(".")
            and (here / one).resolve() != out
            and not (here / one / FOLDER).exists()
        ]
        for one in files:
            if not one.startswith(".") and (here / one).is_file():
                yield here / one


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def image_parameter(model: Mapping[str, Any]) -> str:
    """The one that takes an image. Raises `WrongListError` where it is not one."""
    schema = model["input_schema"]
    found: list[str] = [name for name, one in schema["properties"].items() if is_image(one)]
    needed = [name for name in found if name in schema.get("required", ())]
    for some in (needed, found):
        if len(some) == 1:
            return some[0]
    if not found:
        raise WrongListError(Wrong(str(model["slug"]), "takes no image: leave --images out"))
    said = f"takes several images ({', '.join(found)}): name them in a list"
    raise WrongListError(Wrong(str(model["slug"]), said))
