"""Where images will be saved, looked at before a job that makes them is paid for."""

import os
from pathlib import Path

from cli.complaint import ComplaintError


def check_file(path: Path) -> None:
    """Raises `ComplaintError` where no file `path` could be written; makes nothing."""
    try:
        if path.is_dir():
            raise ComplaintError(f"{path} is a folder: name a file to save the image in")
        if not path.parent.is_dir():
            raise ComplaintError(f"{path} cannot be saved: there is no folder {path.parent}")
    except OSError as error:  # a name that is too long, say
        raise ComplaintError(f"{path} cannot be saved: {error.strerror or error}") from error
    _check_writable(path.parent)


def make_folder(path: Path) -> None:
    """Make the folder where it is missing; raises `ComplaintError` where it cannot be used."""
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise ComplaintError(
            f"{path.absolute()} is a file, where the images' folder is to be: move it away"
        ) from error
    except OSError as error:
        raise ComplaintError(f"{path.absolute()}: {error.strerror or error}") from error
    _check_writable(path)


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ComplaintError(f"nothing can be written in the folder {folder.absolute()}")
