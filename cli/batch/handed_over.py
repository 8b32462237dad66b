"""The list that a command was given, whichever way: a file, a folder of images, a matrix alone."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.batch.image_folder import image_parameter, read_folder
from cli.batch.lines import Lines
from cli.batch.list_file import READERS, read_list
from cli.batch.models import Models
from cli.batch.wrong import Wrong, WrongListError, refuse
from cli.complaint import ComplaintError
from cli.terminal import say


def listed(options: argparse.Namespace, models: Models) -> tuple[str, Lines | None]:
    """Its name and its lines; None: there is only a matrix. Raises `ComplaintError`."""
    wrong: list[Wrong] = []
    try:
        if options.list is not None:
            lines, wrong = read_list(options.list)
            name = str(options.list)
        elif options.images is not None:
            lines, others = read_folder(
                options.images, image_parameter(model_named(options.model, models)), options.out
            )
            name = str(options.images)
            if others:
                say(f"{others:,} files in {name} are no JPEG, PNG or WebP and are left out")
        else:
            return "--matrix", None
    except WrongListError as error:
        refuse([error.wrong])
        raise
    refuse(wrong)
    return name, lines


def folders_of(options: argparse.Namespace) -> list[Path]:
    """Where images of the list are looked for, in that order."""
    beside = Path.cwd() if options.list is None else options.list.parent
    return [beside] if options.images is None else [options.images, beside]


def check_words(options: argparse.Namespace) -> None:
    """What can be seen without reading anything; ends the command with status 2."""
    if options.list is None and options.images is None and not options.matrix:
        options.wrong("give a LIST, `--images FOLDER` or `--matrix NAME=VALUES`")
    if options.list is None and options.model is None:
        options.wrong("say of which model: `--model SLUG` (`segq models` lists them)")
    if (
        options.list is None
        and options.images
        and options.images.resolve() == options.out.resolve()
    ):
        options.wrong("--out is the folder of the images: name another, or one inside it")
    if options.list is not None and options.list.suffix.lower() not in READERS:
        options.wrong(f"LIST must be one of {', '.join(READERS)}, not {options.list}")


def model_named(slug: str, models: Models) -> Mapping[str, Any]:
    """Raises `ComplaintError` where there is no such."""
    found = models.get(slug)
    if found is None:
        raise ComplaintError(f"there is no model {slug}; `segq models` lists them")
    return found
