"""`~/` at the beginning of a path, where no shell has put the home folder in its place."""

from pathlib import Path


def expanded(text: str) -> Path:
    """A name that only begins with the character, such as `~draft.jpg`, is a file's."""
    return Path(text).expanduser() if text.startswith("~/") else Path(text)
